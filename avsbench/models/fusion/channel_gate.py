"""Channel gate of AVSegFormer: the audio decides which channels of the mask feature pass.

Paper: AVSegFormer, arXiv 2307.01146; repository github.com/vvvb-github/AVSegFormer (Apache-2.0).
"""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.registry import MODELS


@MODELS.register_module()
class ChannelGateFusion(BaseModule):
    """The audio token attends to all positions of the map; a sigmoid of the result gates it.

    Args:
        embed_dims: Width C of map and audio.
        num_heads: Heads of the attention.
    """

    def __init__(self, embed_dims: int, *, num_heads: int = 8) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.kv_proj = nn.Linear(embed_dims, 2 * embed_dims, bias=False)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, feature: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Gate the channels of a map.

        Args:
            feature: (N, C, h, w).
            audio: (N, 1, C).

        Returns:
            The gated map (N, C, h, w), and the audio unchanged.
        """
        query = self._split_heads(self.q_proj(audio))  # (N, heads, 1, C / heads)
        key, value = self.kv_proj(feature.flatten(2).transpose(1, 2)).chunk(2, -1)  # (N, h*w, C)
        attended = F.scaled_dot_product_attention(
            query, self._split_heads(key), self._split_heads(value)
        )
        gate = self.proj(attended.transpose(1, 2).flatten(2))  # (N, 1, C)
        return feature * gate.sigmoid().transpose(1, 2)[..., None], audio

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
