"""Multi-scale deformable attention by grid_sample, in any precision."""

import torch
import torch.nn.functional as F
from torch import Tensor


def unfused(value: Tensor, shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """(N, S, M, D), (N, Q, M, L, P, 2) in [0, 1], (N, Q, M, L, P) -> (N, Q, M * D)."""
    num, _, heads, dims = value.shape
    queries = locations.shape[1]
    parts = value.split([height * width for height, width in shapes], 1)
    mixed = value.new_zeros(num * heads, dims, queries)
    for level, (height, width) in enumerate(shapes):
        plane = parts[level].permute(0, 2, 3, 1).reshape(num * heads, dims, height, width)
        grid = (2 * locations[:, :, :, level] - 1).transpose(1, 2).flatten(0, 1)
        sampled = F.grid_sample(plane, grid, align_corners=False)  # (N * M, D, Q, P)
        share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)  # (N * M, Q, P)
        mixed = mixed + (sampled * share[:, None]).sum(-1)
    return mixed.view(num, heads * dims, queries).transpose(1, 2)


def fused(value: Tensor, shapes, reference: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
    """(1 or N, Q, L, 2) and (N, Q, M, L, P, 2) in pixels, logits (N, Q, M, L * P)."""
    sizes = torch.tensor([(w, h) for h, w in shapes], dtype=offsets.dtype, device=offsets.device)
    locations = reference[:, :, None, :, None] + offsets / sizes[:, None]
    weights = logits.softmax(-1).unflatten(-1, offsets.shape[3:5])
    return unfused(value, shapes, locations, weights)
