"""Query generators of AVSegFormer: from the audio token of a frame to its queries.

Paper: AVSegFormer, arXiv 2307.01146; repository github.com/vvvb-github/AVSegFormer (Apache-2.0).
The attention generator belongs to the published checkpoints; the first version of the repository
repeated the audio token instead, which is kept as the simplest generator.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import TransformerDecoderLayer
from avsbench.registry import MODELS


@MODELS.register_module()
class AttentionQueryGenerator(BaseModule):
    """Learned queries that attend to each other and to the audio.

    Args:
        num_queries: Q.
        embed_dims: Width C.
        num_layers: Layers of self- and cross-attention.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward networks.
    """

    def __init__(
        self,
        num_queries: int,
        embed_dims: int,
        *,
        num_layers: int = 6,
        num_heads: int = 8,
        feedforward_channels: int = 1024,
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.query = nn.Embedding(num_queries, embed_dims)
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                embed_dims,
                num_heads,
                feedforward_channels=feedforward_channels,
                attn_bias=False,
            )
            for _ in range(num_layers)
        )

    def forward(self, audio: Tensor, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Make the queries of each frame.

        Args:
            audio: (N, A, C), the audio tokens of each frame.
            levels: Projected visual levels; unused by this generator.

        Returns:
            Queries (N, Q, C) and the audio tokens for the modules that follow, unchanged.
        """
        queries = self.query.weight[None].expand(audio.shape[0], -1, -1)  # (N, Q, C)
        for layer in self.layers:
            queries = layer(queries, audio)
        return queries, audio


@MODELS.register_module()
class RepeatQueryGenerator(BaseModule):
    """Repeat the audio token; only the head's learnable queries distinguish the copies.

    Args:
        num_queries: Q.
        embed_dims: Width C of the audio token.
    """

    def __init__(self, num_queries: int, embed_dims: int) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.embed_dims = embed_dims

    def forward(self, audio: Tensor, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Make the queries of each frame.

        Args:
            audio: (N, 1, C), one audio token per frame.
            levels: Projected visual levels; unused by this generator.

        Returns:
            Queries (N, Q, C) and the audio tokens for the modules that follow, unchanged.

        Raises:
            ValueError: There is more than one audio token, or of another width.
        """
        if audio.shape[1:] != (1, self.embed_dims):
            expected = f'(N, 1, {self.embed_dims})'
            raise ValueError(f'audio has shape {tuple(audio.shape)}, expected {expected}')
        return audio.expand(-1, self.num_queries, -1), audio
