"""Reading masks at points instead of on the whole grid (PointRend, arXiv 1912.08193)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_points(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps bilinearly, zero outside.

    Args:
        maps: (M, H, W).
        points: (M, P, 2) or (1, P, 2), x before y, in [0, 1] of the map.

    Returns:
        (M, P).
    """
    if len(points) == 1 and len(maps) > 1:  # one set for all: the maps are channels of one picture
        return _sample(maps[None], points)[0]
    return _sample(maps[:, None], points)[:, 0]


def _sample(pictures: Tensor, points: Tensor) -> Tensor:
    grid = (2 * points - 1)[:, :, None]  # (M, P, 1, 2)
    sampled = F.grid_sample(pictures, grid.to(pictures.dtype), mode='bilinear', align_corners=False)
    return sampled[..., 0]


def uncertain_points(logits: Tensor, candidates: Tensor, count: int) -> Tensor:
    """The candidates where the logits are nearest to zero.

    Args:
        logits: (M, H, W).
        candidates: (M, P, 2).
        count: How many to keep.

    Returns:
        (M, count, 2), without gradient.
    """
    with torch.no_grad():
        uncertainty = -sample_points(logits, candidates).abs()
        index = uncertainty.topk(count, 1).indices[..., None].expand(-1, -1, 2)
        return candidates.gather(1, index)
