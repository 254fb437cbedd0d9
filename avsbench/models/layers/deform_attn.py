"""Multi-scale deformable attention of Deformable DETR (arXiv 2010.04159).

The functional form takes the raw offsets and attention logits, as they leave their linear layers,
so that a compiled operator can fuse the softmax and the sampling locations.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.utils.ops import use_compiled
from avsbench.utils.transfer import send


def multi_scale_deformable_attention(
    value: Tensor,
    spatial_shapes: list[tuple[int, int]],
    reference_points: Tensor,
    offsets: Tensor,
    logits: Tensor,
) -> Tensor:
    """Sample each level around the reference points and mix the samples.

    Bilinear sampling at reference + offset / (width, height), zeros outside, pixel centres at
    half-integers. The weights are the softmax of the logits over all levels and points of a head.
    Locations and sums are float32 (float64 for float64 values), whatever the inputs are.

    Runs as the compiled operator `avsbench::ms_deform_attn_fused` or as PyTorch's own operators,
    see `avsbench.utils.ops`.

    Args:
        value: (N, S, M, D), M heads of width D; S tokens, the levels one after the other.
        spatial_shapes: (height, width) of each of the L levels, S = sum of their products.
        reference_points: (1 or N, Q, L, 2), x before y, in [0, 1] of the level; float32, since a
            16-bit location is off by up to 1/512 of the image.
        offsets: (N, Q, M, L, P, 2) in pixels of the level, x before y; may be 16 bit.
        logits: (N, Q, M, L * P); may be 16 bit.

    Returns:
        (N, Q, M * D), dtype of the value.

    Raises:
        ValueError: The levels do not sum to S.
    """
    tokens = sum(height * width for height, width in spatial_shapes)
    if tokens != value.shape[1]:
        raise ValueError(
            f'levels {spatial_shapes} have {tokens} tokens, value has {value.shape[1]}'
        )
    if not use_compiled(value.device.type):
        return deformable_attention_reference(
            value, spatial_shapes, reference_points, offsets, logits
        )
    flat = [size for shape in spatial_shapes for size in shape]
    return torch.ops.avsbench.ms_deform_attn_fused(value, flat, reference_points, offsets, logits)


def deformable_attention_reference(
    value: Tensor,
    spatial_shapes: list[tuple[int, int]],
    reference_points: Tensor,
    offsets: Tensor,
    logits: Tensor,
) -> Tensor:
    """`multi_scale_deformable_attention` of PyTorch's own operators, one grid_sample per level."""
    num, _, heads, dims = value.shape
    queries, levels, points = offsets.shape[1], offsets.shape[3], offsets.shape[4]
    sizes = [height * width for height, width in spatial_shapes]
    dtype = value.dtype
    exact = torch.promote_types(dtype, torch.float32)
    value, reference_points, offsets, logits = (
        tensor.to(exact) for tensor in (value, reference_points, offsets, logits)
    )

    weights = logits.softmax(-1).transpose(1, 2).reshape(num * heads, 1, queries, levels, points)
    result = value.new_zeros(num * heads, dims, queries)
    for level, tokens_of_level in enumerate(value.split(sizes, dim=1)):
        height, width = spatial_shapes[level]
        plane = tokens_of_level.flatten(2).transpose(1, 2)  # (N, M * D, h * w)
        plane = plane.reshape(num * heads, dims, height, width)
        # The grid of grid_sample is 2 * location - 1.
        scale = send((2 / width, 2 / height), offsets.device, offsets.dtype)
        centre = 2 * reference_points[:, :, None, level, None] - 1  # (1 or N, Q, 1, 1, 2)
        grid = centre + offsets[:, :, :, level] * scale  # (N, Q, M, P, 2)
        grid = grid.transpose(1, 2).flatten(0, 1)  # (N * M, Q, P, 2)
        sampled = F.grid_sample(
            plane, grid, mode='bilinear', padding_mode='zeros', align_corners=False
        )  # (N * M, D, Q, P)
        result = result + (sampled * weights[:, :, :, level]).sum(-1)
    return result.view(num, heads * dims, queries).transpose(1, 2).to(dtype)  # (N, Q, M * D)


class MultiScaleDeformableAttention(nn.Module):
    """Deformable attention over several levels, with its projections.

    Args:
        embed_dims: Width C.
        num_heads: Heads M; divides C.
        num_levels: Levels L.
        num_points: Sampling points P per level and head.
    """

    def __init__(
        self, embed_dims: int, *, num_heads: int = 8, num_levels: int = 3, num_points: int = 4
    ) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'num_heads={num_heads} does not divide embed_dims={embed_dims}')
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_points = num_points
        samples = num_heads * num_levels * num_points
        self.sampling_offsets = nn.Linear(embed_dims, samples * 2)
        self.attention_weights = nn.Linear(embed_dims, samples)
        self.value_proj = nn.Linear(embed_dims, embed_dims)
        self.output_proj = nn.Linear(embed_dims, embed_dims)
        self.init_weights()

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        reference_points: Tensor,
        spatial_shapes: list[tuple[int, int]],
    ) -> Tensor:
        """Attend from each query to points around its reference point.

        Args:
            query: (N, Q, C), positions added.
            value: (N, S, C), the levels one after the other.
            reference_points: (1 or N, Q, L, 2), x before y, in [0, 1].
            spatial_shapes: (height, width) of each level.

        Returns:
            (N, Q, C).
        """
        num, queries, _ = query.shape
        points = (self.num_heads, self.num_levels, self.num_points)
        attended = multi_scale_deformable_attention(
            self.value_proj(value).unflatten(-1, (self.num_heads, -1)),
            spatial_shapes,
            reference_points,
            self.sampling_offsets(query).view(num, queries, *points, 2),
            self.attention_weights(query).view(num, queries, self.num_heads, -1),
        )
        return self.output_proj(attended)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Published start: head m looks in direction 2 pi m / M, point p at distance p."""
        angle = torch.arange(self.num_heads, dtype=torch.float32) * (2 * math.pi / self.num_heads)
        direction = torch.stack((angle.cos(), angle.sin()), -1)  # (M, 2)
        direction = direction / direction.abs().amax(-1, keepdim=True)
        distance = torch.arange(1, self.num_points + 1, dtype=torch.float32)
        offsets = direction[:, None, None] * distance[:, None]  # (M, 1, P, 2)
        nn.init.zeros_(self.sampling_offsets.weight)
        self.sampling_offsets.bias.copy_(offsets.expand(-1, self.num_levels, -1, -1).flatten())
        for linear in (self.attention_weights, self.value_proj, self.output_proj):
            nn.init.zeros_(linear.bias)
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.xavier_uniform_(self.value_proj.weight)
        nn.init.xavier_uniform_(self.output_proj.weight)
