"""Queries that are made from the frame: positions mixed, prompted by prototypes, and grouped.

Paper: VCT (Revisiting Audio-Visual Segmentation with Vision-Centric Transformer), arXiv 2506.23623,
CVPR 2025. Written from a description of it. The grouping is the hard assignment of GroupViT (arXiv
2202.11094) with one head.
"""

import math

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import MLP, MultiheadAttention, xavier_init
from avsbench.models.losses.pixel import full_precision, without_autocast
from avsbench.registry import MODELS
from avsbench.utils.draws import gumbel_draw
from avsbench.utils.errors import ConfigError


class HardAssignment(nn.Module):
    """Every position goes to one query, and a query gets the sum of its positions.

    The sum is divided by the number of positions plus one, as published: a query without positions
    gets none of them. In training the choice is drawn with Gumbel noise, and its gradient is that
    of the softmax over the queries with the same noise; in evaluation the most similar query is
    chosen, the first one of equals.

    Args:
        embed_dims: Width C.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(embed_dims, embed_dims)
        self.k_proj = nn.Linear(embed_dims, embed_dims)
        self.v_proj = nn.Linear(embed_dims, embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, queries: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Group pixels (N, S, C) by queries (N, Q, C).

        Returns:
            What each query gets, (N, Q, C), and the query of each position, (N, S) int64.
        """
        keys, values = self.k_proj(pixels), self.v_proj(pixels)
        similarity = self.q_proj(queries) @ keys.mT * keys.shape[-1] ** -0.5  # (N, Q, S)
        with without_autocast(similarity):
            weights, chosen = self._choose(full_precision(similarity))
        return self.proj(weights.to(values.dtype) @ values), chosen

    def noise(self, shape: torch.Size, device: torch.device) -> Tensor:
        """Standard Gumbel noise of a shape (N, Q, S), float32."""
        return gumbel_draw('assignment', shape, device)

    def _choose(self, similarity: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (N, Q, S) of the positions, and the query of each, (N, S)."""
        if self.training:
            similarity = similarity + self.noise(similarity.shape, similarity.device)
        soft = similarity.softmax(1)
        chosen = soft.argmax(1)
        hard = torch.zeros_like(soft).scatter_(1, chosen[:, None], 1.0)
        if self.training:
            hard = hard - soft.detach() + soft
        return hard / (hard.sum(-1, keepdim=True) + 1), chosen


@MODELS.register_module()
class PrototypeQueryGenerator(BaseModule):
    """Queries of a frame from its mask feature.

        mask feature --convolutions--> pixels --mixed over all positions--> queries
        queries --(attend to the prototypes)--> queries
        queries + what each gets of the pixels by a hard assignment

    The mixing has a weight for each position, so that the map always has one size.

    Args:
        embed_dims: Width C.
        num_queries: Q.
        map_size: (h, w) of the mask feature.
        num_prototypes: P, how many learned vectors the queries attend to; None leaves that out, as
            the published network for MS3 does.
        num_heads: Heads of that attention.
    """

    def __init__(
        self,
        embed_dims: int,
        num_queries: int,
        map_size: tuple[int, int],
        *,
        num_prototypes: int | None,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        self.map_size = tuple(map_size)
        self.pixel_proj = nn.Sequential(
            nn.Conv2d(embed_dims, embed_dims, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(embed_dims, embed_dims, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(embed_dims, embed_dims, 1),
        )
        self.mixer = MLP([math.prod(self.map_size), embed_dims, embed_dims, num_queries])
        if num_prototypes is None:
            self.prototypes = None
        else:
            self.prototypes = nn.Embedding(num_prototypes, embed_dims)
            self.prototype_attn = MultiheadAttention(embed_dims, num_heads)
            self.norm = nn.LayerNorm(embed_dims)
        self.assignment = HardAssignment(embed_dims)

    def forward(self, mask_feature: Tensor) -> Tensor:
        """Make queries (N, Q, C) from a mask feature (N, C, h, w).

        Raises:
            ConfigError: The map has another size than the network was made for.
        """
        if tuple(mask_feature.shape[2:]) != self.map_size:
            raise ConfigError(
                f'PrototypeQueryGenerator: the mask feature is {tuple(mask_feature.shape[2:])}, '
                f'the network mixes the positions of {self.map_size} (H, W); bring frames to four '
                'times that size (ClipResize), or set model.decode_head.image_size to that of the '
                'frames and train anew'
            )
        pixels = self.pixel_proj(mask_feature).flatten(2)  # (N, C, h * w)
        queries = self.mixer(pixels).transpose(1, 2)  # (N, Q, C)
        if self.prototypes is not None:
            prototypes = self.prototypes.weight.expand(queries.shape[0], -1, -1)
            queries = self.norm(queries + self.prototype_attn(queries, prototypes, prototypes))
        grouped, _ = self.assignment(queries, pixels.transpose(1, 2))
        return queries + grouped

    def init_weights(self) -> None:
        """Published start: Xavier in the attention to the prototypes, PyTorch's elsewhere."""
        if self.prototypes is not None:
            xavier_init(self.prototype_attn)
