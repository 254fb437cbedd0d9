"""Where frames and audio come from: a video file, a folder of frames and a wav file, or arrays."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from avsbench.media.images import read_frame
from avsbench.media.log_mel import FULL_SCALE, RATES, rate_fault, read_wav, scale_fault
from avsbench.utils.errors import DataError, nearest
from avsbench.utils.folders import visible
from avsbench.video import VideoFile

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
KEYS = ('frames', 'audio', 'sample_rate', 'frame_rate')


class TimedFrame(Protocol):
    """A frame that is decoded when it is needed.

    Attributes:
        time: Seconds since the first frame.
    """

    time: Fraction

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, RGB."""


class Audio(Protocol):
    """Mono samples, read in order of time.

    Attributes:
        rate: Sample rate in Hz.
    """

    rate: int

    def between(self, start: Fraction | int, stop: Fraction | int) -> np.ndarray:
        """Samples (n,) float64 of [start, stop) in seconds; silence where there are none."""

    def close(self) -> None:
        """Free what it holds."""


@runtime_checkable
class VideoSource(Protocol):
    """A video that can be read from start to end, any number of times.

    Attributes:
        name: For messages.
        duration: In seconds, None where it is not known in advance.
        rate: Mean number of frames per second.
    """

    name: str
    duration: float | None
    rate: Fraction

    def frames(self) -> Iterator[TimedFrame]:
        """Frames in the order of their times, the first at 0."""

    def audio(self) -> Audio:
        """The audio, from the time of the first frame on.

        Raises:
            DataError: There is none.
        """


def open_source(item: Any, *, need_audio: bool = True) -> VideoSource:
    """Open what a user has given as a video.

    Args:
        item: Path of a video file; a `VideoSource`; or a mapping with

            * `frames`: folder of images, or array (n, H, W, 3) uint8, RGB;
            * `audio`: path of a wav file, or samples (m,) or (m, channels), int16 or float in
              [-1, 1];
            * `sample_rate`: of samples, in Hz;
            * `frame_rate`: frames per second, 1 by default.
        need_audio: Whether an item without audio is an error.

    Raises:
        DataError: It is something else, or a file that can't be used.
    """
    if isinstance(item, VideoSource):
        return item
    if isinstance(item, str | os.PathLike):
        if os.path.isdir(item):
            audio = (", audio='its.wav'", ' with its audio') if need_audio else ('', '')
            raise DataError(
                f'{item}: is a folder; give dict(frames={str(item)!r}{audio[0]}) for a folder of '
                f'frames{audio[1]}'
            )
        return VideoFile(item, need_audio=need_audio)
    if not isinstance(item, Mapping):
        raise DataError(
            f'cannot read a video from {type(item).__name__}: expected the path of a video, or a '
            f'dict with {", ".join(KEYS)}'
        )
    for key in item:
        if key not in KEYS:
            raise DataError(f'unknown key {key!r} of an input{nearest(key, KEYS)}')
    needed = ('frames', 'audio') if need_audio else ('frames',)
    for key in needed:
        if item.get(key) is None:
            raise DataError(f'an input without {key!r}: a dict needs {" and ".join(needed)}')
    frames = _frames(item['frames'])
    given, rate = item.get('audio'), item.get('sample_rate')
    if given is None and rate is not None:
        raise DataError(f'sample_rate={rate!r} is for samples, and there is no audio')
    audio = None if given is None else ArrayAudio(*read_samples(given, rate))
    return ArraySource(frames, item.get('frame_rate', 1), audio)


@dataclass(frozen=True)
class StoredFrame:
    """A frame in memory or in an image file, see `TimedFrame`."""

    time: Fraction
    rgb: Callable[[], np.ndarray]


@dataclass
class ArrayAudio:
    """Samples in memory.

    Attributes:
        samples: (n,) float64 in [-1, 1].
        rate: Sample rate in Hz.
    """

    samples: np.ndarray
    rate: int

    def between(self, start: Fraction | int, stop: Fraction | int) -> np.ndarray:
        """See `Audio`."""
        first, last = int(start * self.rate), int(stop * self.rate)
        part = self.samples[first:last]
        return np.pad(part, (0, last - first - len(part)))

    def close(self) -> None:
        """Nothing to free."""


class ArraySource:
    """Frames and samples in memory, or frames that are read one by one.

    Args:
        frames: Functions that return one frame each.
        frame_rate: Frames per second.
        audio: None for frames without audio.
    """

    name = 'frames'

    def __init__(
        self,
        frames: list[Callable[[], np.ndarray]],
        frame_rate: float | Fraction = 1,
        audio: ArrayAudio | None = None,
    ) -> None:
        if not frame_rate > 0:
            raise DataError(f'frame_rate={frame_rate!r}, expected frames per second, above 0')
        self._frames = frames
        self._audio = audio
        self.rate = Fraction(frame_rate).limit_denominator(100_000)
        self.duration = float(len(frames) / self.rate)

    def frames(self) -> Iterator[StoredFrame]:
        """See `VideoSource`."""
        for index, read in enumerate(self._frames):
            yield StoredFrame(index / self.rate, read)

    def audio(self) -> ArrayAudio:
        """See `VideoSource`."""
        if self._audio is None:
            raise DataError(f'{self.name}: have no audio, and the masks follow the audio')
        return self._audio


def _frames(given: Any) -> list[Callable[[], np.ndarray]]:
    if isinstance(given, str | os.PathLike):
        folder = Path(given)
        if not os.path.isdir(folder):
            raise DataError(f'{folder}: no such folder of frames')
        inside = visible(folder.iterdir(), folder)
        paths = [p for p in inside if p.suffix.lower() in IMAGE_SUFFIXES]
        if not paths:
            raise DataError(f'{folder}: contains no images ({", ".join(IMAGE_SUFFIXES)})')
        return [lambda path=path: read_frame(path) for path in sorted(paths, key=_natural)]
    frames = np.asarray(given)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise DataError(
            f'frames: {frames.dtype} of shape {frames.shape}, expected uint8 (n, H, W, 3), RGB'
        )
    return [lambda frame=frame: frame for frame in frames]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Key that sorts 2.png before 10.png."""
    parts = re.split(r'(\d+)', path.name)
    return [(int(part), '') if part.isdigit() else (-1, part) for part in parts]


def read_samples(given: Any, rate: Any) -> tuple[np.ndarray, int]:
    """Mono samples (n,) float64 and their rate in Hz, from a wav file or an array."""
    if isinstance(given, str | os.PathLike):
        if rate is not None:
            raise DataError(f'sample_rate={rate!r} is for samples; {given} has its own')
        return read_wav(given)
    if not isinstance(rate, int) or rate_fault(rate):
        raise DataError(
            f'sample_rate={rate!r}, expected that of the samples in `audio`, a whole number from '
            f'{RATES[0]} to {RATES[1]} Hz'
        )
    samples = np.asarray(given)
    if samples.ndim not in (1, 2) or samples.dtype.kind not in 'if' or not samples.size:
        raise DataError(
            f'audio: {samples.dtype} of shape {samples.shape}, expected int16 or float samples '
            '(n,) or (n, channels)'
        )
    if samples.dtype.kind == 'i':
        if samples.dtype != np.int16:
            raise DataError(f'audio: {samples.dtype} samples, expected int16, or float in [-1, 1]')
        samples = samples / FULL_SCALE
    elif fault := scale_fault(samples):
        raise DataError(f'audio: {fault}')
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    return samples.astype(np.float64), rate
