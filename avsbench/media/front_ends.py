"""The audio front ends that a config can choose: what a network gets of each second of audio."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from avsbench.media import log_mel, mel_power


@dataclass(frozen=True)
class FrontEnd:
    """From a waveform to one spectrogram for each video frame.

    Attributes:
        name: As in configs.
        shape: (1, frames, bands) of a spectrogram.
        mel_range: Lowest and highest frequency of the bands in Hz.
        min_seconds: Audio that the first spectrogram needs.
        patches: (samples (n,), rate in Hz) -> (m, *shape) float32.
        count: (number of samples, rate in Hz) -> m.
        revision: Raise it when the values of `patches`, or of `read_wav`, change: what is cached is
            then computed again.
        resampler: Package whose version the values depend on.
    """

    name: str
    shape: tuple[int, int, int]
    mel_range: tuple[float, float]
    min_seconds: float
    patches: Callable[[np.ndarray, int], np.ndarray]
    count: Callable[[int, int], int]
    revision: int
    resampler: str

    @property
    def cache_key(self) -> tuple:
        """What a cached spectrogram depends on, beside its audio file."""
        return self.name, self.revision, _version(self.resampler)


VGGISH = FrontEnd(
    name='vggish',
    shape=log_mel.PATCH_SHAPE,
    mel_range=log_mel.MEL_RANGE,
    min_seconds=log_mel.MIN_SAMPLES / log_mel.SAMPLE_RATE,
    patches=log_mel.log_mel_patches,
    count=log_mel.count_patches,
    revision=2,
    resampler='resampy',
)
MEL_POWER = FrontEnd(
    name='mel_power',
    shape=(1, mel_power.FRAMES, mel_power.MEL_BANDS),
    mel_range=mel_power.MEL_RANGE,
    min_seconds=1.0,
    patches=mel_power.mel_power_patches,
    count=mel_power.count_seconds,
    revision=2,
    resampler='soxr',
)
PUBLISHED_MEL_POWER = replace(
    MEL_POWER,
    name='mel_power_published',
    shape=(1, mel_power.PUBLISHED_FRAMES, mel_power.MEL_BANDS),
    patches=mel_power.published_mel_power_patches,
)
FRONT_ENDS = {front.name: front for front in (VGGISH, MEL_POWER, PUBLISHED_MEL_POWER)}


@functools.cache  # looks through the installed packages
def _version(package: str) -> str:
    return version(package)
