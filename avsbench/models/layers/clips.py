"""Which frames of a batch belong together, and which of them exist.

Clips are given by their lengths. Where all have T frames, layers take their number from the batch,
N / T, not from the lengths: a graph that is exported with the lengths (T,) then holds for any
number of clips. There the number of frames has to be read as `shape[0]`: `len` would fix it.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def equal_length(clip_lengths: tuple[int, ...]) -> int | None:
    """T where all clips have T frames, else None."""
    return clip_lengths[0] if len(set(clip_lengths)) == 1 else None


def expand_clips(values: Tensor, length: int) -> Tensor:
    """Values (B, ...) of clips of T frames for each of their frames: (N, ...)."""
    return values[:, None].expand(-1, length, *values.shape[1:]).flatten(0, 1)


def for_frames(
    make: Callable[[int], Tensor], clip_lengths: tuple[int, ...], num_frames: int
) -> Tensor:
    """What depends on the length of its clip alone, for the frames of all clips.

    Args:
        make: T -> (T, ...).
        clip_lengths: Frames of each clip.
        num_frames: N.

    Returns:
        (N, ...).
    """
    length = equal_length(clip_lengths)
    if length is not None:
        values = make(length)
        return values[None].expand(num_frames // length, *values.shape).flatten(0, 1)
    by_length = {length: make(length) for length in set(clip_lengths)}
    return torch.cat([by_length[length] for length in clip_lengths])


def grouped_lengths(clip_lengths: tuple[int, ...], group_frames: int | None) -> tuple[int, ...]:
    """Cut clips into groups of frames.

    Args:
        clip_lengths: Frames of each clip.
        group_frames: Frames of a group, the last one of a clip may be shorter; None for all.

    Returns:
        Frames of each group, in the order of the clips.
    """
    if group_frames is None:
        return tuple(clip_lengths)
    groups = []
    for length in clip_lengths:
        whole, rest = divmod(length, group_frames)
        groups += [group_frames] * whole + [rest] * (rest > 0)
    return tuple(groups)


def mask_padding(values: Tensor, frame_valid: Tensor | None) -> Tensor:
    """Values (N, ...) with zeros for padded frames; unchanged where `frame_valid` is None."""
    if frame_valid is None:
        return values
    return values * frame_valid.to(values.dtype).view(-1, *[1] * (values.dim() - 1))


def restore_padding(values: Tensor, frames: Tensor, num_frames: int) -> Tensor:
    """Values of the frames that exist, with zeros for the padded ones between: (N, ...).

    Args:
        values: (n, ...).
        frames: (n,) int64, where they belong among the N.
        num_frames: N.
    """
    return values.new_zeros(num_frames, *values.shape[1:]).index_copy(0, frames, values)
