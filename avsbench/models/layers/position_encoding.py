"""Sine position encoding of DETR (arXiv 2005.12872) with its settings spelled out."""

import math

import torch
from torch import Tensor


def sine_position_encoding(
    height: int,
    width: int,
    num_feats: int,
    *,
    temperature: float = 10000.0,
    normalize: bool = False,
    device: torch.device | str | None = None,
) -> Tensor:
    """Encode the positions of a height x width grid.

    Rows and columns count from 1. Feature i of an axis is the sine (even i) or cosine (odd i) of
    the position over temperature ** (2 * (i // 2) / num_feats).

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        num_feats: Features an axis, even.
        temperature: Base of the wave lengths.
        normalize: Divide positions by the size of the grid and multiply by 2 pi. The published
            AVSegFormer does not, so that its code depends on the picture size.
        device: Where to put the result.

    Returns:
        (height * width, 2 * num_feats) float32, row-major; features of y before those of x.
    """
    feature = torch.arange(num_feats, dtype=torch.float32, device=device)
    wave = temperature ** (2 * torch.div(feature, 2, rounding_mode='floor') / num_feats)

    def encode(count: int) -> Tensor:
        position = torch.arange(1, count + 1, dtype=torch.float32, device=device)
        if normalize:
            position = position / (count + 1e-6) * (2 * math.pi)
        phase = position[:, None] / wave  # (count, num_feats)
        return torch.stack((phase[:, 0::2].sin(), phase[:, 1::2].cos()), dim=2).flatten(1)

    rows = encode(height)[:, None].expand(height, width, num_feats)
    columns = encode(width)[None].expand(height, width, num_feats)
    return torch.cat((rows, columns), dim=2).flatten(0, 1)
