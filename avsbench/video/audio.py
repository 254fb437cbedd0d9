"""The audio track of a video file, read second by second."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsbench.media.log_mel import rate_fault, to_mono
from avsbench.video.containers import StreamReader, VideoError, audio_stream, av, open_container

# Containers that count in milliseconds displace each block of samples by a few of them; a real gap
# is longer.
JITTER = 0.02  # seconds
# A track that ends this much before its header says has lost packets; padding of the codec and
# rounded durations make up less.
MISSING = 0.25  # seconds


class AudioTrack:
    """Mono samples of an audio track at its own sample rate, read in order of time.

    Samples are taken as 16-bit integers and averaged over the channels, as wav files are read for
    training. Where the track has no samples (before its start, after its end, in gaps) there is
    silence. No more than the requested interval is held in memory.

    Args:
        path: The video file.
        origin: Time on the file's clock that counts as second 0: that of the first frame.

    Attributes:
        rate: Sample rate in Hz.
        end: Seconds from the origin to the end of the last sample so far.

    Raises:
        VideoError: The file can't be opened, holds no audio that can be decoded, or claims an
            impossible sample rate.
    """

    def __init__(self, path: str | Path, origin: Fraction) -> None:
        self.path = Path(path)
        self.origin = origin
        self.end = 0.0
        self._container = open_container(path)
        stream = audio_stream(self._container)
        self._header_end = header_end(self._container, stream, origin)
        self._finished = False
        self._reader = StreamReader(self._container, stream)
        self._blocks = self._decode()
        self._kept: deque[tuple[int, np.ndarray]] = deque()
        first = next(self._blocks, None)
        if first is None:
            self.close()
            raise VideoError(
                f'{self.path}: its audio track holds no samples that can be decoded, and the masks '
                'follow the audio'
            )
        self._kept.append(first)
        if fault := rate_fault(self.rate):
            self.close()
            raise VideoError(f'{self.path}: of its audio track, {fault}; encode it again')

    def between(self, start: Fraction | int, stop: Fraction | int) -> np.ndarray:
        """Samples of [start, stop) in seconds since the origin: (n,) float64 in [-1, 1).

        What lies before `start` is dropped, so intervals must be requested in order.
        """
        first, last = (math.floor(time * self.rate) for time in (start, stop))
        out = np.zeros(last - first)
        while not self._kept or self._kept[-1][0] + len(self._kept[-1][1]) < last:
            block = next(self._blocks, None)
            if block is None:
                break
            self._kept.append(block)
            self._drop_before(first)
        self._drop_before(first)
        for position, samples in self._kept:
            begin, end = max(first, position), min(last, position + len(samples))
            if begin < end:
                out[begin - first : end - first] = samples[begin - position : end - position]
        return out

    def warning(self) -> str | None:
        """What was wrong with the track so far, in one sentence, or None."""
        reader = self._reader
        lost = []
        if reader.damaged or reader.read_error:
            lost.append(f'{reader.damaged} packets could not be decoded')
        if self._finished and self._header_end and self.end < self._header_end - MISSING:
            lost.append(f'it ends at {self.end:.1f} s of {self._header_end:.1f} s')
        if not lost:
            return None
        why = f' ({reader.read_error})' if reader.read_error else ''
        return (
            f'{self.path}: the audio track is damaged{why}: {", ".join(lost)}; what is missing is '
            'replaced by silence'
        )

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _drop_before(self, first: int) -> None:
        while self._kept and self._kept[0][0] + len(self._kept[0][1]) <= first:
            self._kept.popleft()

    def _decode(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (position of its first sample since the origin, mono samples) of each frame."""
        places = Places(self.origin)
        for block in self._uniform():
            self.rate = block.sample_rate
            position, samples = places.of(block)
            self.end = max(self.end, (position + len(samples)) / self.rate)
            yield position, samples
        self._finished = True

    def _uniform(self) -> Iterator[av.AudioFrame]:
        try:
            yield from uniform(self._reader.frames(), 's16')
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                f'{self.path}: its audio states a format that can not be converted '
                f'({error}); encode it again'
            ) from error


class Places:
    """Where the blocks of an audio track lie.

    Args:
        origin: Time on the file's clock that counts as second 0.
    """

    def __init__(self, origin: Fraction) -> None:
        self._origin = origin
        self._expected: int | None = None

    def of(self, block: av.AudioFrame) -> tuple[int, np.ndarray]:
        """Number of the first sample since the origin, and the mono samples (n,) float64."""
        rate, expected = block.sample_rate, self._expected
        if block.pts is None or block.time_base is None:
            position = expected or 0
        else:
            position = round((block.pts * block.time_base - self._origin) * rate)
        if expected is not None and abs(position - expected) <= JITTER * rate:
            position = expected
        samples = to_mono(block.to_ndarray().reshape(-1, block.layout.nb_channels))
        self._expected = position + len(samples)
        return position, samples


def header_end(
    container: av.container.InputContainer, stream: av.AudioStream, origin: Fraction
) -> float | None:
    """Where the index says that a track ends, in seconds since `origin`; None without an index.

    Only that of mp4 and mov counts samples. Other containers estimate from the bit rate.
    """
    if 'mp4' not in container.format.name or not stream.duration:
        return None
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base - origin)


class UniformAudio:
    """Converts audio frames to one format, even if theirs changes within the track.

    Args:
        sample_format: Name of the sample format.
        layout: Name of the channel layout; None for that of the first frame.
        rate: Sample rate in Hz; None for that of the first frame.
    """

    def __init__(
        self, sample_format: str, layout: str | None = None, rate: int | None = None
    ) -> None:
        self._format, self._layout, self._rate = sample_format, layout, rate
        self._resampler: av.AudioResampler | None = None
        self._given: tuple | None = None

    def add(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """Convert the next frame, as decoded."""
        done = []
        found = (frame.sample_rate, frame.layout.name, frame.format.name)
        if found != self._given:
            done = self.finish()
            self._rate = self._rate or frame.sample_rate
            self._layout = self._layout or frame.layout.name
            self._resampler = av.AudioResampler(self._format, self._layout, self._rate)
            self._given = found
        return done + self._resampler.resample(frame)

    def finish(self) -> list[av.AudioFrame]:
        """What is left in the converter."""
        return [] if self._resampler is None else self._resampler.resample(None)


def uniform(
    frames: Iterable[av.AudioFrame],
    sample_format: str,
    layout: str | None = None,
    rate: int | None = None,
) -> Iterator[av.AudioFrame]:
    """Convert all audio frames of a track, see `UniformAudio`."""
    converter = UniformAudio(sample_format, layout, rate)
    for frame in frames:
        yield from converter.add(frame)
    yield from converter.finish()
