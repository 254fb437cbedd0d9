"""The sound track of a video file, read second by second."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avsbench.media.log_mel import to_mono
from avsbench.video.containers import StreamReader, VideoError, open_container, sound_stream

# Containers that count milliseconds shift each block of samples by a few of them; a real gap is
# longer.
JITTER = 0.02  # seconds


class SoundTrack:
    """Mono samples of stretches of a sound track that follow each other, at its own rate.

    Samples are taken as 16-bit numbers and averaged over the channels, as wav files are read for
    training. Where the track has no samples (before its start, after its end, in gaps) there is
    silence. Holds no more than the stretch that was asked for.

    Args:
        path: the video file.
        origin: time on the file's clock that counts as second 0: that of the first picture.

    Attributes:
        rate: samples a second.
        end: seconds from the origin to the end of the last sample so far.

    Raises:
        VideoError: the file can't be opened or holds no sound that can be decoded.
    """

    def __init__(self, path: str | Path, origin: Fraction) -> None:
        self.path = Path(path)
        self.origin = origin
        self.end = 0.0
        self._container = open_container(path)
        self._reader = StreamReader(self._container, sound_stream(self._container))
        self._blocks = self._decode()
        self._kept: deque[tuple[int, np.ndarray]] = deque()
        first = next(self._blocks, None)
        if first is None:
            self.close()
            raise VideoError(
                f'{self.path}: its sound track holds no samples that can be decoded, and the masks '
                'follow the sound'
            )
        self._kept.append(first)

    @property
    def complaint(self) -> str | None:
        """What was wrong with the track so far, as one sentence; or None."""
        reader = self._reader
        if not (reader.damaged or reader.broke_off):
            return None
        why = f' ({reader.broke_off})' if reader.broke_off else ''
        return (
            f'{self.path}: the sound track is damaged{why}: {reader.damaged} packets could not be '
            'decoded; there is silence instead'
        )

    def between(self, start: Fraction | int, stop: Fraction | int) -> np.ndarray:
        """Samples of [start, stop) in seconds since the origin: (n,) float64 in [-1, 1).

        What lies before `start` is forgotten: stretches must be asked for in their order.
        """
        first, last = (math.floor(time * self.rate) for time in (start, stop))
        out = np.zeros(last - first)
        while not self._kept or self._kept[-1][0] + len(self._kept[-1][1]) < last:
            block = next(self._blocks, None)
            if block is None:
                break
            self._kept.append(block)
            self._forget(first)
        self._forget(first)
        for position, samples in self._kept:
            begin, end = max(first, position), min(last, position + len(samples))
            if begin < end:
                out[begin - first : end - first] = samples[begin - position : end - position]
        return out

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _forget(self, first: int) -> None:
        while self._kept and self._kept[0][0] + len(self._kept[0][1]) <= first:
            self._kept.popleft()

    def _decode(self) -> Iterator[tuple[int, np.ndarray]]:
        """(position of the first sample since the origin, mono samples) of one frame each."""
        expected = None
        for block in uniform(self._reader.frames(), 's16'):
            self.rate = block.sample_rate
            if block.pts is None or block.time_base is None:
                position = expected or 0
            else:
                position = round((block.pts * block.time_base - self.origin) * self.rate)
            if expected is not None and abs(position - expected) <= JITTER * self.rate:
                position = expected
            samples = block.to_ndarray().reshape(-1, block.layout.nb_channels)
            expected = position + len(samples)
            self.end = max(self.end, expected / self.rate)
            yield position, to_mono(samples)


def uniform(
    frames: Iterable[av.AudioFrame], form: str, layout: str | None = None, rate: int | None = None
) -> Iterator[av.AudioFrame]:
    """Sound of one form, whatever changes in the middle of a track.

    Args:
        frames: as decoded.
        form: name of the sample format.
        layout: name of the channel layout; None for that of the first frame.
        rate: samples a second; None for that of the first frame.
    """
    resampler, given = None, None
    for frame in frames:
        found = (frame.sample_rate, frame.layout.name, frame.format.name)
        if found != given:
            if resampler is not None:
                yield from resampler.resample(None)
            rate, layout = rate or frame.sample_rate, layout or frame.layout.name
            resampler, given = av.AudioResampler(form, layout, rate), found
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)
