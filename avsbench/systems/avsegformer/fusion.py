"""Channel gate of AVSegFormer: the audio weights the channels of the mask feature.

Paper: AVSegFormer, arXiv 2307.01146; repository github.com/vvvb-github/AVSegFormer (Apache-2.0).
"""

from typing import NamedTuple

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import Dropout
from avsbench.registry import MODELS


class FusionOutput(NamedTuple):
    """Feature map and audio after the fusion.

    Attributes:
        feature: (N, C, h, w).
        audio: (N, A, C).
        losses: Loss terms of the fusion, by name (`loss_*`), weight included.
    """

    feature: Tensor
    audio: Tensor
    losses: dict[str, Tensor]


class ChannelGate(BaseModule):
    """The audio token attends to all tokens; a sigmoid of the result gates their channels.

    Args:
        embed_dims: Width C of tokens and audio.
        num_heads: Heads of the attention.
        dropout: Dropout probability of the gate's logits.
    """

    def __init__(self, embed_dims: int, *, num_heads: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.kv_proj = nn.Linear(embed_dims, 2 * embed_dims, bias=False)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, audio: Tensor) -> Tensor:
        """Gate tokens (N, S, C) by audio (N, 1, C); returns (N, S, C)."""
        query = self._split_heads(self.q_proj(audio))  # (N, heads, 1, C / heads)
        key, value = self.kv_proj(tokens).chunk(2, -1)  # (N, S, C)
        attended = F.scaled_dot_product_attention(
            query, self._split_heads(key), self._split_heads(value)
        )
        gate = self.dropout(self.proj(attended.transpose(1, 2).flatten(2)))  # (N, 1, C)
        return tokens * gate.sigmoid()

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


@MODELS.register_module()
class ChannelGateFusion(ChannelGate):
    """The channel gate on all positions of a map.

    Args:
        embed_dims: Width C of map and audio.
        num_heads: Heads of the attention.
    """

    def __init__(self, embed_dims: int, *, num_heads: int = 8) -> None:
        super().__init__(embed_dims, num_heads=num_heads)

    def forward(self, feature: Tensor, audio: Tensor) -> FusionOutput:
        """Gate the channels of a map.

        Args:
            feature: (N, C, h, w).
            audio: (N, 1, C).

        Returns:
            The gated map (N, C, h, w), and the audio unchanged.
        """
        gated = super().forward(feature.flatten(2).transpose(1, 2), audio)  # (N, h*w, C)
        return FusionOutput(gated.transpose(1, 2).reshape(feature.shape), audio, {})
