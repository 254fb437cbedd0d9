"""Which frame of a video each mask is predicted from, and which frames it belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from avsbench.apis.sources import TimedFrame, VideoSource
from avsbench.video.sampling import INSTANT


@dataclass(frozen=True)
class MaskSpan:
    """The part of a video that a mask belongs to.

    Attributes:
        index: Number of the mask, from 0.
        start: Seconds from the first frame to where it begins.
        stop: Seconds from the first frame to where it ends.
    """

    index: int
    start: Fraction
    stop: Fraction


def select_frames(source: VideoSource, fps: int | None) -> Iterator[tuple[MaskSpan, TimedFrame]]:
    """Each mask of a video with the frame that it is predicted from, in their order.

    Args:
        source: The video.
        fps: Masks per second; None for a mask of each frame.
    """
    return _each_frame(source) if fps is None else _frames_per_second(source, fps)


def mask_index(number: int, time: Fraction, fps: int | None) -> int:
    """Number of the mask that belongs to a frame.

    Args:
        number: Of the frame, from 0.
        time: Its seconds since the first frame.
        fps: As in `select_frames`.
    """
    return number if fps is None else int(time * fps)


def _each_frame(source: VideoSource) -> Iterator[tuple[MaskSpan, TimedFrame]]:
    shown, number, length = None, -1, 1 / source.rate
    for number, frame in enumerate(source.frames()):
        if shown is not None:
            length = frame.time - shown.time
            yield MaskSpan(number - 1, shown.time, frame.time), shown
        shown = frame
    if shown is not None:  # the last frame lasts as long as the one before it
        yield MaskSpan(number, shown.time, shown.time + length), shown


def _frames_per_second(source: VideoSource, fps: int) -> Iterator[tuple[MaskSpan, TimedFrame]]:
    def span(index: int) -> MaskSpan:
        return MaskSpan(index, Fraction(index, fps), Fraction(index + 1, fps))

    index, shown = 0, None
    for frame in source.frames():
        while shown is not None and frame.time > (index + INSTANT) / fps:
            yield span(index), shown
            index += 1
        shown = frame
    while shown is not None and index <= int(shown.time * fps):
        yield span(index), shown
        index += 1
