"""Which frames of a video make up a clip."""

from collections.abc import Iterator
from typing import NamedTuple

from avsbench.utils.checks import check_choice

END_RULES = ('last_frames', 'published')


class Window(NamedTuple):
    """Frames of a video that are read as one clip.

    Attributes:
        frame_idx: T positions in the video, from 0.
        kept: Positions in the clip of the frames that the window is for.
        centre: Position in the video that names the clip.
    """

    frame_idx: list[int]
    kept: list[int]
    centre: int


def centre_window(total: int, centre: int, length: int) -> Window:
    """The frames around one, where the last frame of the video precedes the first.

    A video that is shorter than the window has some of its frames twice or more; the first of the
    places at which the centre stands is kept.

    Args:
        total: Frames of the video.
        centre: Position of the centre, from 0.
        length: T; half of the frames, rounded down, precede the centre.
    """
    start = centre - length // 2
    frame_idx = [index % total for index in range(start, start + length)]
    return Window(frame_idx, [frame_idx.index(centre)], centre)


def disjoint_windows(total: int, length: int) -> Iterator[Window]:
    """Windows one after the other, each frame kept in one of them.

    The last window ends with the video: it begins earlier where fewer than T frames are left. A
    video that is shorter than a window begins again at its end.

    Args:
        total: Frames of the video.
        length: T.
    """
    for start in range(0, total, length):
        begin = max(0, min(start, total - length))
        frame_idx = [index % total for index in range(begin, begin + length)]
        kept = range(start - begin, min(length, total - begin))
        yield Window(frame_idx, list(kept), frame_idx[length // 2])


def annotated_window(total: int, frame: int, length: int, end_rule: str) -> Window:
    """The frames around an annotated one, without leaving the video (A2D).

    Near the start of the video the annotated frame is the first of the window, elsewhere half of
    the frames, rounded down, precede it.

    Args:
        total: Frames of the video.
        frame: Position of the annotated frame, from 0.
        length: T.
        end_rule: What happens where the window would leave the video. 'last_frames': it is made of
            the last T frames; the last is repeated in a video that has fewer. 'published': near
            the end it is the half of the frames that precede the annotated one, of which the last
            is taken for it; near the start it may name frames that the video doesn't have.
    """
    check_choice('annotated_window: end_rule', end_rule, END_RULES)
    before = length // 2
    near_start = frame < before
    start = frame if near_start else frame - before
    if end_rule == 'published':
        if not near_start and frame + length - before >= total:
            return Window(list(range(start, frame)), [-1], frame)
        return Window(list(range(start, start + length)), [frame - start], frame)
    start = max(0, min(start, total - length))
    frame_idx = [min(index, total - 1) for index in range(start, start + length)]
    return Window(frame_idx, [frame - start], frame)
