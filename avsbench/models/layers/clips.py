"""Which frames of a batch belong together."""


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
