"""Which frame of a video each mask is predicted from, and which frames it belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

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


Selected = list[tuple[MaskSpan, TimedFrame]]


class FrameSelector(Protocol):
    """Chooses from frames that come one by one."""

    def add(self, frame: TimedFrame) -> Selected:
        """Take the next frame; the masks whose frame is known now, with it."""

    def finish(self) -> Selected:
        """The rest, once there are no more frames."""


def frame_selector(fps: int | None, rate: Fraction) -> FrameSelector:
    """What chooses the frame of each mask.

    Args:
        fps: Masks per second; None for a mask of each frame.
        rate: Frames per second.
    """
    return _EachFrame(rate) if fps is None else _FramesPerSecond(fps)


def select_frames(source: VideoSource, fps: int | None) -> Iterator[tuple[MaskSpan, TimedFrame]]:
    """Each mask of a video with the frame that it is predicted from, in their order.

    Args:
        source: The video.
        fps: Masks per second; None for a mask of each frame.
    """
    selector = frame_selector(fps, source.rate)
    for frame in source.frames():
        yield from selector.add(frame)
    yield from selector.finish()


def mask_index(number: int, time: Fraction, fps: int | None) -> int:
    """Number of the mask that belongs to a frame.

    Args:
        number: Of the frame, from 0.
        time: Its seconds since the first frame.
        fps: As in `select_frames`.
    """
    return number if fps is None else int(time * fps)


class _EachFrame:
    def __init__(self, rate: Fraction) -> None:
        self._shown: TimedFrame | None = None
        self._number = -1
        self._length = 1 / rate

    def add(self, frame: TimedFrame) -> Selected:
        shown, self._shown = self._shown, frame
        if shown is None:
            return []
        self._number += 1
        self._length = frame.time - shown.time
        return [(MaskSpan(self._number, shown.time, frame.time), shown)]

    def finish(self) -> Selected:
        """The last frame lasts as long as the one before it."""
        shown = self._shown
        if shown is None:
            return []
        return [(MaskSpan(self._number + 1, shown.time, shown.time + self._length), shown)]


class _FramesPerSecond:
    def __init__(self, fps: int) -> None:
        self._fps = fps
        self._index = 0
        self._shown: TimedFrame | None = None

    def add(self, frame: TimedFrame) -> Selected:
        found = []
        while self._shown is not None and frame.time > (self._index + INSTANT) / self._fps:
            found.append(self._next())
        self._shown = frame
        return found

    def finish(self) -> Selected:
        found = []
        while self._shown is not None and self._index <= int(self._shown.time * self._fps):
            found.append(self._next())
        return found

    def _next(self) -> tuple[MaskSpan, TimedFrame]:
        start = Fraction(self._index, self._fps)
        span = MaskSpan(self._index, start, start + Fraction(1, self._fps))
        self._index += 1
        return span, self._shown
