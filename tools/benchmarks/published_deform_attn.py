"""The published formulation of multi-scale deformable attention, the baseline of the ratios.

Sampling locations and softmax written out, one grid_sample per level, all samples stacked and then
summed with their weights: Deformable DETR's own PyTorch form (arXiv 2010.04159,
github.com/fundamentalvision/Deformable-DETR), which the audio-visual systems copy.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

Shapes = list[tuple[int, int]]


def published_locations(reference_points: Tensor, offsets: Tensor, shapes: Shapes) -> Tensor:
    """Where to sample, in [0, 1] of each level: (N, Q, M, L, P, 2).

    Args:
        reference_points: (1 or N, Q, L, 2).
        offsets: (N, Q, M, L, P, 2) in pixels.
        shapes: (height, width) of each level.
    """
    sizes = torch.tensor([(w, h) for h, w in shapes], device=offsets.device)
    return reference_points[:, :, None, :, None] + offsets / sizes[None, None, None, :, None]


def published_weights(logits: Tensor, levels: int) -> Tensor:
    """Softmax of logits (N, Q, M, L * P) over levels and points: (N, Q, M, L, P)."""
    return logits.softmax(-1).unflatten(-1, (levels, -1))


def published_attention(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sample and mix.

    Args:
        value: (N, S, M, D).
        shapes: (height, width) of each level.
        locations: (N, Q, M, L, P, 2).
        weights: (N, Q, M, L, P).

    Returns:
        (N, Q, M * D).
    """
    num, _, heads, dims = value.shape
    queries, levels, points = locations.shape[1], locations.shape[3], locations.shape[4]
    grids = 2 * locations - 1
    samples = []
    for level, part in enumerate(value.split([h * w for h, w in shapes], 1)):
        plane = part.flatten(2).transpose(1, 2).reshape(num * heads, dims, *shapes[level])
        grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)  # (N * M, Q, P, 2)
        samples.append(
            F.grid_sample(plane, grid, mode='bilinear', padding_mode='zeros', align_corners=False)
        )  # (N * M, D, Q, P)
    weights = weights.transpose(1, 2).reshape(num * heads, 1, queries, levels * points)
    mixed = (torch.stack(samples, -2).flatten(-2) * weights).sum(-1)  # (N * M, D, Q)
    return mixed.view(num, heads * dims, queries).transpose(1, 2).contiguous()


def published_fused(
    value: Tensor, shapes: Shapes, reference_points: Tensor, offsets: Tensor, logits: Tensor
) -> Tensor:
    """From raw offsets and logits, as the layer calls it: (N, Q, M * D)."""
    locations = published_locations(reference_points, offsets, shapes)
    return published_attention(value, shapes, locations, published_weights(logits, len(shapes)))
