"""Frames of a video file, one after the other, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avsbench.media.images import MAX_PIXELS
from avsbench.video.audio import AudioTrack
from avsbench.video.containers import (
    StreamReader,
    VideoError,
    audio_stream,
    av,
    open_container,
    video_stream,
)
from avsbench.video.orientation import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer

DEFAULT_RATE = Fraction(25)  # for a file that does not state its own
MAX_GAP = 600  # seconds between two frames; more is a broken time stamp, not a still image


@dataclass(frozen=True)
class DecodedFrame:
    """One frame, not yet converted to RGB.

    Attributes:
        time: Seconds since the first frame.
        pts: Presentation time as the file counts it, in `VideoFile.time_base`.
        duration: In the same unit, 0 where the file does not say.
        frame: As decoded.
        size: (H, W) upright, in pixels.
        path: The file that it is from, for messages.
    """

    time: Fraction
    pts: int
    duration: int
    frame: av.VideoFrame
    size: tuple[int, int]
    path: Path

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, turned and mirrored as the file says, in 8 bits, of `size`.

        Raises:
            VideoError: The file states colours that can't be converted.
        """
        orientation = Orientation.of(self.frame)
        height, width = orientation.size(self.size)
        try:
            pixels = self.frame.to_ndarray(format='rgb24', width=width, height=height)
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                f'{self.path}: its frame at {float(self.time):.2f} s can not be converted to RGB '
                f'({error}; pixels {self.frame.format.name}, colour space '
                f'{int(self.frame.colorspace)}); encode it again'
            ) from error
        return orientation.upright(pixels)


class VideoHeader:
    """What a container says about its video, and what its first frame shows.

    Attributes:
        path: For messages.
        has_audio: Whether there is an audio track.
        size: (H, W) of the upright frames in pixels.
        rate: Mean number of frames per second.
        time_base: Seconds of one unit of `DecodedFrame.pts`.
        start: `pts` of the first frame.
        clock_start: Time in seconds at which the clock begins; 0 as a rule.
        pixel_aspect: Width of a pixel divided by its height.
    """

    path: Path
    has_audio: bool
    size: tuple[int, int]
    start: int
    pixel_aspect: Fraction

    @property
    def origin(self) -> Fraction:
        """Time of the first frame on the clock, in seconds."""
        return self.start * self.time_base

    def _set_clock(self, container: InputContainer, stream: av.VideoStream) -> None:
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise VideoError(
                f'{self.path}: {context.width} x {context.height} pixels, more than the limit of '
                f'{MAX_PIXELS}'
            )
        self.rate = stream.average_rate or stream.base_rate or DEFAULT_RATE
        self.time_base = stream.time_base
        self.clock_start = Fraction(container.start_time or 0, av.time_base)

    def _set_first(self, first: av.VideoFrame, stream: av.VideoStream) -> None:
        self.start = first.pts or 0
        orientation = Orientation.of(first)
        self.size = orientation.size((first.height, first.width))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = 1 / aspect if orientation.transposed else aspect

    def _timed(self, frame: av.VideoFrame, last: int | None) -> DecodedFrame:
        """A frame with its time, which is after that of the frame before, `last`."""
        pts = frame.pts
        if pts is None:
            step = max(1, round(1 / (self.rate * self.time_base)))
            pts = self.start if last is None else last + step
        elif last is not None and pts <= last:
            pts = last + 1
        if last is not None and (pts - last) * self.time_base > MAX_GAP:
            times = [float((p - self.start) * self.time_base) for p in (last, pts)]
            raise VideoError(
                f'{self.path}: its time stamps jump from {times[0]:.1f} s to {times[1]:.1f} s '
                f'(more than {MAX_GAP} s without a frame); encode it again, or cut it there'
            )
        time = (pts - self.start) * self.time_base
        return DecodedFrame(time, pts, frame.duration or 0, frame, self.size, self.path)

    def _check_audio(self) -> None:
        if not self.has_audio:
            raise VideoError(
                f'{self.path}: has no audio track, and the masks follow the audio; give a '
                'video with audio, or its frames in a folder with a wav file'
            )


class VideoFile(VideoHeader):
    """A video file.

    Times count from the first frame. The constructor reads the header and the first frame; each
    call of `frames` or `audio` opens the file anew and holds one frame at a time, so that several
    may run side by side.

    Args:
        path: The file.
        need_audio: Whether a file without an audio track is an error.

    Attributes:
        has_audio: Whether the file has an audio track.
        size: (H, W) of the upright frames in pixels.
        rate: Mean number of frames per second.
        time_base: Seconds of one unit of `DecodedFrame.pts`.
        start: `pts` of the first frame.
        clock_start: Time in seconds at which the file's clock begins; 0 as a rule.
        pixel_aspect: Width of a pixel divided by its height.
        duration: Seconds according to the header, None where it does not say. For progress bars.
        name: The path as it was given, for messages.
        damaged: Frames that `frames` could not decode when it last ran.
        read_error: Why `frames` ended before the end of the file when it last ran, or None.

    Raises:
        VideoError: It is not readable, lacks video or the audio that is needed, has no frame, or is
            too large.
    """

    def __init__(self, path: str | Path, *, need_audio: bool = True) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.damaged = 0
        self.read_error: str | None = None
        self._header_frames = 0
        self._decoded = 0
        self._audio: AudioTrack | None = None
        with open_container(self.path) as container:
            stream = video_stream(container)
            if stream is None:
                with_audio = ' with audio' if need_audio else ''
                raise VideoError(f'{self.path}: has no video track, expected a video{with_audio}')
            self.has_audio = audio_stream(container) is not None
            if need_audio:
                self._check_audio()
            self._read_header(container, stream)

    def _read_header(self, container: InputContainer, stream: av.VideoStream) -> None:
        self._set_clock(container, stream)
        ends = (
            stream.duration * stream.time_base if stream.duration else None,
            Fraction(container.duration, av.time_base) if container.duration else None,
        )
        self.duration = next((float(end) for end in ends if end), None)
        self._header_frames = stream.frames
        reader = StreamReader(container, stream)
        first = next(reader.frames(), None)
        if first is None:
            why = reader.read_error or f'{reader.damaged} damaged packets'
            raise VideoError(f'{self.path}: no frame can be decoded ({why})')
        self._set_first(first, stream)

    def frames(self) -> Iterator[DecodedFrame]:
        """All frames in the order of their times, which increase strictly.

        A frame that can't be decoded is skipped and counted in `damaged`. A frame without a time
        follows its predecessor by 1 / `rate`; one whose time is not after its predecessor's is
        moved behind it by the smallest unit.

        Raises:
            VideoError: Two frames are more than `MAX_GAP` seconds apart.
        """
        last: int | None = None
        decoded = 0
        with open_container(self.path) as container:
            stream = video_stream(container)
            stream.thread_type = 'AUTO'
            reader = StreamReader(container, stream)
            for frame in reader.frames():
                timed = self._timed(frame, last)
                last = timed.pts
                decoded += 1
                self._note(decoded, reader)
                yield timed
            self._note(decoded, reader)

    def audio(self) -> AudioTrack:
        """The audio track, from the time of the first frame on.

        Raises:
            VideoError: It holds no audio that can be decoded.
        """
        self._check_audio()
        self._audio = AudioTrack(self.path, self.origin)
        return self._audio

    def warnings(self) -> list[str]:
        """What was wrong with frames and audio when they were last read, one sentence each."""
        found = [self.warning(), self._audio.warning() if self._audio else None]
        return [text for text in found if text]

    def _note(self, decoded: int, reader: StreamReader) -> None:
        self._decoded = decoded
        self.damaged, self.read_error = reader.damaged, reader.read_error

    def warning(self) -> str | None:
        """What was wrong with the frames when all were last read, in one sentence, or None."""
        missing = max(0, self._header_frames - self._decoded)
        if not (self.damaged or self.read_error or missing):
            return None
        expected = f' of {self._header_frames}' if missing else ''
        why = f' ({self.read_error})' if self.read_error else ''
        damaged = f', {self.damaged} of them or their neighbours damaged' if self.damaged else ''
        return (
            f'{self.path}: the file is damaged{why}: {self._decoded}{expected} frames could be '
            f'read{damaged}; the result covers only these'
        )
