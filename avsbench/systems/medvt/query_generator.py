"""Query generator of MED-VT++: queries that start at zero and attend to the frame's audio.

Paper: MED-VT++, arXiv 2304.05930; repository github.com/rkyuca/medvt.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import TransformerDecoderLayer
from avsbench.registry import MODELS


@MODELS.register_module()
class AudioContextQueryGenerator(BaseModule):
    """Decoder layers whose memory is the audio, projected by a small network.

    All queries start at zero and there is one audio token per frame, so without dropout all queries
    of a frame come out equal; the decoder's query positions distinguish them.

    Args:
        num_queries: Q.
        embed_dims: Width C.
        audio_channels: Width D of the audio embedding.
        num_layers: Layers of self- and cross-attention.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward networks.
        context_channels: Hidden width of the network that projects the audio.
        dropout: Dropout probability.
    """

    def __init__(
        self,
        num_queries: int,
        embed_dims: int,
        audio_channels: int,
        *,
        num_layers: int = 3,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        context_channels: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.query = nn.Embedding(num_queries, embed_dims)
        self.context_proj = nn.Sequential(
            nn.Linear(audio_channels, context_channels),
            nn.ReLU(),
            nn.LayerNorm(context_channels),
            nn.Linear(context_channels, embed_dims),
        )
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                embed_dims,
                num_heads,
                feedforward_channels=feedforward_channels,
                dropout=dropout,
                act='relu',
            )
            for _ in range(num_layers)
        )

    def forward(self, audio: Tensor, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Make the queries of each frame.

        Args:
            audio: (N, 1, D), the embedding as the audio encoder gives it.
            levels: Visual levels; unused by this generator.

        Returns:
            Queries (N, Q, C) and the audio context (N, 1, C) for the decoder.
        """
        context = self.context_proj(audio)
        queries = context.new_zeros(context.shape[0], self.num_queries, context.shape[-1])
        for layer in self.layers:
            queries = layer(queries, context, query_pos=self.query.weight)
        return queries, context
