"""Sine position encoding of DETR (arXiv 2005.12872) with its settings spelled out."""

import math

import torch
from torch import Tensor

from avsbench.models.layers.constants import kept_by_arguments


@kept_by_arguments
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

    Calls with equal arguments share the tensor: it is not to be written to.

    Rows and columns count from 1. Feature i of an axis is the sine (even i) or cosine (odd i) of
    the position over temperature ** (2 * (i // 2) / num_feats).

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        num_feats: Features per axis, even.
        temperature: Base of the wave lengths.
        normalize: Divide positions by the size of the grid and multiply by 2 pi. The published
            AVSegFormer does not, so its code depends on the image size.
        device: Device of the result.

    Returns:
        (height * width, 2 * num_feats) float32, row-major; features of y before those of x.
    """
    rows, columns = (
        _encode(count, num_feats, temperature, normalize, device) for count in (height, width)
    )
    code = torch.cat(_on_grid(rows, columns), dim=-1)  # (height, width, 2 * num_feats)
    return code.flatten(0, 1)


@kept_by_arguments
def sine_position_encoding_3d(
    frames: int,
    height: int,
    width: int,
    num_feats: int,
    *,
    temperature: float = 10000.0,
    normalize: bool = True,
    device: torch.device | str | None = None,
) -> Tensor:
    """Encode time, row and column of every token of a clip.

    Each axis as in `sine_position_encoding`; shared like that one.

    Args:
        frames: Frames of the clip.
        height: Rows of the grid.
        width: Columns of the grid.
        num_feats: Features per axis, even.
        temperature: Base of the wave lengths.
        normalize: Divide positions by the size of their axis and multiply by 2 pi.
        device: Device of the result.

    Returns:
        (frames * height * width, 3 * num_feats) float32, frame after frame, row-major; features of
        time before those of y and x.
    """
    axes = (
        _encode(count, num_feats, temperature, normalize, device)
        for count in (frames, height, width)
    )
    return torch.cat(_on_grid(*axes), dim=-1).flatten(0, 2)


def _encode(
    count: int,
    num_feats: int,
    temperature: float,
    normalize: bool,
    device: torch.device | str | None,
) -> Tensor:
    """Sine and cosine of the positions of one axis, (count, num_feats)."""
    feature = torch.arange(num_feats, dtype=torch.float32, device=device)
    wave = temperature ** (2 * torch.div(feature, 2, rounding_mode='floor') / num_feats)
    position = torch.arange(1, count + 1, dtype=torch.float32, device=device)
    if normalize:
        position = position / (count + 1e-6) * (2 * math.pi)
    phase = position[:, None] / wave
    return torch.stack((phase[:, 0::2].sin(), phase[:, 1::2].cos()), dim=2).flatten(1)


def _on_grid(*axes: Tensor) -> list[Tensor]:
    """Codes (count_a, num_feats) of each axis, repeated along the others."""
    counts = [len(axis) for axis in axes]
    spread = []
    for index, axis in enumerate(axes):
        shape = [1] * len(axes) + [axis.shape[1]]
        shape[index] = counts[index]
        spread.append(axis.view(shape).expand(*counts, -1))
    return spread
