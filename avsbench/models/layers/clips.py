"""Which frames of a batch belong together, and which of them exist."""

from torch import Tensor


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
