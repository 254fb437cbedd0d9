"""Pictures of a video file, one after the other, each with its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avsbench.media.images import MAX_PIXELS
from avsbench.video.containers import (
    StreamReader,
    VideoError,
    open_container,
    picture_stream,
    sound_stream,
)

DEFAULT_RATE = Fraction(25)  # of a file that does not tell
MAX_GAP = 600  # seconds between two frames; more is a broken time stamp, not a still picture


@dataclass(frozen=True)
class Picture:
    """One frame, not yet converted.

    Attributes:
        time: seconds since the first frame.
        pts: presentation time as the file counts it, in `VideoFile.time_base`.
        duration: in the same unit, 0 where the file does not say.
        frame: as decoded.
        size: (H, W) upright, in pixels.
    """

    time: Fraction
    pts: int
    duration: int
    frame: av.VideoFrame
    size: tuple[int, int]

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, upright; more than 8 bits are reduced, a change of size undone."""
        turns = quarter_turns(self.frame)
        height, width = self.size if turns % 2 == 0 else self.size[::-1]
        pixels = self.frame.to_ndarray(format='rgb24', width=width, height=height)
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


class VideoFile:
    """A video file with pictures and sound.

    The seconds of a video count from its first picture. Making an instance reads the header and
    the first picture; each call of `pictures` opens the file anew and holds one frame at a time.

    Args:
        path: the file.

    Attributes:
        size: (H, W) of the upright pictures in pixels.
        rate: frames a second on average.
        time_base: seconds of one unit of `Picture.pts`.
        start: `pts` of the first picture.
        clock_start: time in seconds at which the file's clock begins; 0 as a rule.
        pixel_aspect: width of a pixel divided by its height.
        duration: seconds by the header, None where it does not say. For progress bars.
        damaged: frames that the last walk through the pictures could not decode.
        broke_off: why the last walk ended before the end of the file, or None.

    Raises:
        VideoError: not readable, no picture, no sound, no frame, or too large.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damaged = 0
        self.broke_off: str | None = None
        self._promised = 0
        self._decoded = 0
        with open_container(self.path) as container:
            stream = picture_stream(container)
            if stream is None:
                raise VideoError(f'{self.path}: has no pictures, expected a video with sound')
            if sound_stream(container) is None:
                raise VideoError(
                    f'{self.path}: has no sound track, and the masks follow the sound; give a '
                    'video with sound, or its frames in a folder with a wav file'
                )
            self._read_header(container, stream)

    def _read_header(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise VideoError(
                f'{self.path}: {context.width} x {context.height} pixels, more than {MAX_PIXELS} '
                'are refused'
            )
        self.rate = stream.average_rate or stream.base_rate or DEFAULT_RATE
        self.time_base = stream.time_base
        ends = (
            stream.duration * stream.time_base if stream.duration else None,
            Fraction(container.duration, av.time_base) if container.duration else None,
        )
        self.duration = next((float(end) for end in ends if end), None)
        self.clock_start = Fraction(container.start_time or 0, av.time_base)
        self._promised = stream.frames
        reader = StreamReader(container, stream)
        first = next(reader.frames(), None)
        if first is None:
            why = reader.broke_off or f'{reader.damaged} damaged packets'
            raise VideoError(f'{self.path}: no picture can be decoded ({why})')
        self.start = first.pts or 0
        self.size = _upright(first)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = aspect if quarter_turns(first) % 2 == 0 else 1 / aspect

    @property
    def origin(self) -> Fraction:
        """Time of the first picture on the file's clock, in seconds."""
        return self.start * self.time_base

    def pictures(self) -> Iterator[Picture]:
        """All frames in the order of their times, which grow strictly.

        A frame that can't be decoded is left out and counted in `damaged`. A frame without a time
        follows the one before it by 1 / `rate`; one that comes out before its predecessor's time
        is moved behind it by the smallest unit.

        Raises:
            VideoError: more than `MAX_GAP` seconds between two frames.
        """
        step = max(1, round(1 / (self.rate * self.time_base)))
        last: int | None = None
        self.damaged, self.broke_off, self._decoded = 0, None, 0
        with open_container(self.path) as container:
            stream = picture_stream(container)
            stream.thread_type = 'AUTO'
            reader = StreamReader(container, stream)
            for frame in reader.frames():
                pts = frame.pts
                if pts is None:
                    pts = self.start if last is None else last + step
                elif last is not None and pts <= last:
                    pts = last + 1
                self._check_gap(last, pts)
                last = pts
                time = (pts - self.start) * self.time_base
                self._decoded += 1
                self.damaged, self.broke_off = reader.damaged, reader.broke_off
                yield Picture(time, pts, frame.duration or 0, frame, self.size)
            self.damaged, self.broke_off = reader.damaged, reader.broke_off

    def _check_gap(self, last: int | None, pts: int) -> None:
        if last is not None and (pts - last) * self.time_base > MAX_GAP:
            times = [float((p - self.start) * self.time_base) for p in (last, pts)]
            raise VideoError(
                f'{self.path}: its time stamps jump from {times[0]:.1f} s to {times[1]:.1f} s '
                f'(more than {MAX_GAP} s without a frame); encode it again, or cut it there'
            )

    def complaint(self) -> str | None:
        """What was wrong with the pictures of the last whole walk, as one sentence; or None."""
        missing = max(0, self._promised - self._decoded)
        if not (self.damaged or self.broke_off or missing):
            return None
        promised = f' of {self._promised}' if self._promised else ''
        why = f' ({self.broke_off})' if self.broke_off else ''
        damaged = f', {self.damaged} of them or their neighbours damaged' if self.damaged else ''
        return (
            f'{self.path}: the file is damaged{why}: {self._decoded}{promised} frames could be '
            f'read{damaged}; the result holds these'
        )


def quarter_turns(frame: av.VideoFrame) -> int:
    """Quarter turns anticlockwise, 0 to 3, that make a frame upright."""
    return round(frame.rotation / 90) % 4


def _upright(frame: av.VideoFrame) -> tuple[int, int]:
    size = (frame.height, frame.width)
    return size if quarter_turns(frame) % 2 == 0 else size[::-1]
