"""The simplest query generator: the audio token of a frame, repeated."""

from mmengine.model import BaseModule
from torch import Tensor

from avsbench.registry import MODELS


@MODELS.register_module()
class RepeatQueryGenerator(BaseModule):
    """Repeat the audio token; only the head's learnable queries tell the copies apart.

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
            audio: (N, 1, C), one audio token a frame.
            levels: Projected visual levels; not looked at by this generator.

        Returns:
            Queries (N, Q, C) and the audio tokens for the parts that follow, unchanged.

        Raises:
            ValueError: There is more than one audio token, or of another width.
        """
        if audio.shape[1:] != (1, self.embed_dims):
            expected = f'(N, 1, {self.embed_dims})'
            raise ValueError(f'audio has shape {tuple(audio.shape)}, expected {expected}')
        return audio.expand(-1, self.num_queries, -1), audio
