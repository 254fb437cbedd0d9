"""The audio front ends that a config can choose: what a network gets of each second of audio."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from avsbench.media import clap_mel, fbank, log_mel, mel_power
from avsbench.media.resampling import resample_own
from avsbench.media.seconds import count_seconds

_SILENCE = -4.6  # log(0.01), VGGish's log-mel of silence


@dataclass(frozen=True)
class FrontEnd:
    """From a waveform to one spectrogram for each video frame.

    Attributes:
        name: As in configs.
        shape: (1, frames, bands) of a spectrogram.
        mel_range: Lowest and highest frequency of the bands in Hz.
        silence: Lowest value that images show.
        sample_rate: Of the audio that it computes from, in Hz; other audio is resampled.
        min_seconds: Audio that the first spectrogram needs.
        patches: (samples (n,), rate in Hz) -> (m, *shape) float32.
        count: (number of samples, rate in Hz) -> m.
        revision: Raise it when the values of `patches`, or of `read_wav`, change: what is cached is
            then computed again.
        resampler: Package whose version the values depend on.
        own_rate: Rate in Hz to which own videos are brought before, without waiting for resampy;
            None where `patches` needs none of it.
    """

    name: str
    shape: tuple[int, int, int]
    mel_range: tuple[float, float]
    silence: float
    sample_rate: int
    min_seconds: float
    patches: Callable[[np.ndarray, int], np.ndarray]
    count: Callable[[int, int], int]
    revision: int
    resampler: str
    own_rate: int | None = None

    def own_patches(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """`patches` of an own video, see `avsbench.media.resampling`."""
        if self.own_rate is not None:
            samples, rate = resample_own(samples, rate, self.own_rate), self.own_rate
        return self.patches(samples, rate)

    @property
    def cache_key(self) -> tuple:
        """What a cached spectrogram depends on, beside its audio file."""
        return self.name, self.revision, _version(self.resampler)


VGGISH = FrontEnd(
    name='vggish',
    shape=log_mel.PATCH_SHAPE,
    mel_range=log_mel.MEL_RANGE,
    silence=_SILENCE,
    sample_rate=log_mel.SAMPLE_RATE,
    min_seconds=log_mel.MIN_SAMPLES / log_mel.SAMPLE_RATE,
    patches=log_mel.log_mel_patches,
    count=log_mel.count_patches,
    revision=2,
    resampler='resampy',
    own_rate=log_mel.SAMPLE_RATE,
)
MEL_POWER = FrontEnd(
    name='mel_power',
    shape=(1, mel_power.FRAMES, mel_power.MEL_BANDS),
    mel_range=mel_power.MEL_RANGE,
    silence=_SILENCE,
    sample_rate=mel_power.SAMPLE_RATE,
    min_seconds=1.0,
    patches=mel_power.mel_power_patches,
    count=count_seconds,
    revision=2,
    resampler='soxr',
)
PUBLISHED_MEL_POWER = replace(
    MEL_POWER,
    name='mel_power_published',
    shape=(1, mel_power.PUBLISHED_FRAMES, mel_power.MEL_BANDS),
    patches=mel_power.published_mel_power_patches,
)
AST = FrontEnd(
    name='ast',
    shape=(1, fbank.FRAMES, fbank.MEL_BANDS),
    mel_range=fbank.MEL_RANGE,
    silence=fbank.SILENCE,
    sample_rate=fbank.SAMPLE_RATE,
    min_seconds=1.0,
    patches=fbank.fbank_patches,
    count=count_seconds,
    revision=1,
    resampler='resampy',
    own_rate=fbank.SAMPLE_RATE,
)
CLAP = FrontEnd(
    name='clap',
    shape=(1, clap_mel.FRAMES, clap_mel.MEL_BANDS),
    mel_range=clap_mel.MEL_RANGE,
    silence=clap_mel.SILENCE,
    sample_rate=clap_mel.SAMPLE_RATE,
    min_seconds=1.0,
    patches=clap_mel.clap_mel_patches,
    count=count_seconds,
    revision=1,
    resampler='soxr',
)
FRONT_ENDS = {front.name: front for front in (VGGISH, MEL_POWER, PUBLISHED_MEL_POWER, AST, CLAP)}


@functools.cache  # looks through the installed packages
def _version(package: str) -> str:
    return version(package)
