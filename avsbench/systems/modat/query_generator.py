"""Query generator of MoDAT: audio attends to the visual levels, queries attend to the result.

Repository: github.com/jnjz/MoDAT (no paper was published). It is AVSegFormer's head (arXiv
2307.01146) with another query generator and another fusion.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import TransformerDecoderLayer, TransformerEncoderLayer
from avsbench.registry import MODELS


@MODELS.register_module()
class EncoderDecoderQueryGenerator(BaseModule):
    """The audio token attends to each level; queries attend to the audio tokens that result.

    The queries start as copies of the audio token, so all queries of a frame come out
    equal; the head's learnable queries distinguish them. The outputs of all decoder layers are
    combined with one learned weight each.

    Args:
        num_queries: Q.
        embed_dims: Width C.
        num_levels: Visual levels that the audio attends to, one layer each, in parallel.
        num_layers: Decoder layers.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward networks.
    """

    def __init__(
        self,
        num_queries: int,
        embed_dims: int,
        *,
        num_levels: int = 3,
        num_layers: int = 3,
        num_heads: int = 8,
        feedforward_channels: int = 1024,
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        layer = {'feedforward_channels': feedforward_channels, 'attn_bias': False}
        self.level_layers = nn.ModuleList(
            TransformerEncoderLayer(embed_dims, num_heads, act='relu', **layer)
            for _ in range(num_levels)
        )
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(embed_dims, num_heads, **layer) for _ in range(num_layers)
        )
        self.layer_mix = nn.Conv2d(num_layers, 1, 1)

    def forward(self, audio: Tensor, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Make the queries of each frame.

        Args:
            audio: (N, 1, C).
            levels: Projected visual levels (N, C, h_l, w_l), one for each level layer.

        Returns:
            Queries (N, Q, C), and the audio tokens (N, L, C), one per level, for the modules that
            follow.
        """
        attended = [
            layer(audio, memory=level.flatten(2).transpose(1, 2))
            for layer, level in zip(self.level_layers, levels, strict=True)
        ]
        tokens = torch.cat(attended, 1)  # (N, L, C)
        queries = audio.expand(-1, self.num_queries, -1)
        outputs = []
        for layer in self.layers:
            queries = layer(queries, tokens)
            outputs.append(queries)
        return self.layer_mix(torch.stack(outputs, 1))[:, 0], tokens
