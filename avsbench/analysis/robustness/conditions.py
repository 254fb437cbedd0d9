"""The sounds that a network gets in place of the clip's.

Every condition is a 16-bit sound that could have been the file of the clip; it goes through the
front end that the network was trained with, as the clip's own sound does. Only those of the group
`published` take AVSBench-Robust's front end, which a network can tell from the other by its zeros.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.media.log_mel import FULL_SCALE, SAMPLE_RATE, read_pcm, to_mono, to_pcm
from avsbench.media.noises import PUBLISHED_RATE, published_noise, white_noise

Pcm = tuple[np.ndarray, int]
"""Samples (n, channels) int16, and their rate in Hz."""

LABELS, NOTHING, LATER, OTHERS = TRUTHS = (
    'as labelled',
    'nothing',
    'as labelled, later',
    'as the other clip',
)
"""What is to be marked: the labels hold, nothing that is visible sounds, the labels are late, or
the labels of the clip that the sound is of hold, since both clips have the same images."""


@dataclass(frozen=True)
class Clip:
    """A clip, and what is known of its audio file.

    Attributes:
        info: From the data set.
        channels: Of the audio file; None where only log-mel is stored.
    """

    info: AudioClipInfo
    channels: int | None


@dataclass(frozen=True, kw_only=True)
class Condition(ABC):
    """A sound for each clip.

    Attributes:
        name: In tables, and of the folder of results.
        front_end: Instead of the config's, to reproduce published features.
        truth: One of `TRUTHS`.
        needs_files: Whether stored log-mel is not enough.
    """

    name: str
    front_end: str | None = None
    truth: ClassVar[str]
    needs_files: ClassVar[bool] = False

    @abstractmethod
    def pcm(self, info: AudioClipInfo) -> Pcm:
        """The sound of a clip."""

    def log_mel(self, info: AudioClipInfo, reader: LogMelReader) -> np.ndarray:
        """The spectrograms of a clip, (T, *shape) float32."""
        samples, rate = self.pcm(info)
        return reader.fit(reader.front_end.patches(to_mono(samples), rate), info)

    def lack(self, clip: Clip) -> str | None:
        """Why a clip can't have this sound, or None."""
        if self.needs_files and clip.channels is None:
            return 'it takes audio files, and there is only stored log-mel'
        return None


@dataclass(frozen=True, kw_only=True)
class Original(Condition):
    """The clip's own sound."""

    truth = LABELS

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        return read_pcm(info['audio_path'])

    def log_mel(self, info: AudioClipInfo, reader: LogMelReader) -> np.ndarray:
        """As a test reads it, from a cache where the config has one."""
        return reader.read_clip(info)


@dataclass(frozen=True, kw_only=True)
class Silence(Condition):
    """Zeros."""

    truth = NOTHING

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        return np.zeros((_seconds(info) * SAMPLE_RATE, 1), np.int16), SAMPLE_RATE


@dataclass(frozen=True, kw_only=True)
class Noise(Condition):
    """White noise of one level, another one for each clip.

    Attributes:
        rms: Of full scale.
        seed: The noise of a clip follows from it and the clip's name.
    """

    rms: float
    seed: int
    truth = NOTHING

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        rng = np.random.default_rng(clip_seed(self.seed, 'noise', info['clip_id']))
        return white_noise(_seconds(info) * SAMPLE_RATE, self.rms, rng), SAMPLE_RATE


@dataclass(frozen=True, kw_only=True)
class PublishedNoise(Condition):
    """AVSBench-Robust's noise: the bytes of numbers as samples.

    Attributes:
        seed: See `Noise`.
    """

    seed: int
    truth = NOTHING

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        samples = published_noise(self.generator(info))
        return samples[: _seconds(info) * PUBLISHED_RATE], PUBLISHED_RATE

    def generator(self, info: AudioClipInfo) -> np.random.RandomState:
        """What draws the noise of a clip; the published order of clips is not known."""
        seed = clip_seed(self.seed, 'published noise', info['clip_id'])
        return np.random.RandomState(seed % 2**32)


@dataclass(frozen=True, kw_only=True)
class Replaced(Condition):
    """The sound of another clip.

    Attributes:
        others: Clip -> the clip whose sound it gets.
        reason: Why some clips have no other.
    """

    others: Mapping[str, AudioClipInfo]
    reason: str

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        return read_pcm(self.others[info['clip_id']]['audio_path'])

    def log_mel(self, info: AudioClipInfo, reader: LogMelReader) -> np.ndarray:
        """As the other clip's is read, from stored log-mel, too."""
        other = self.others[info['clip_id']]
        if info['log_mel_path'] is None:
            other = {**other, 'log_mel_path': None}
        return reader.fit(reader.read_clip(other), info)

    def lack(self, clip: Clip) -> str | None:
        """See `Condition.lack`."""
        if self.front_end is not None and clip.channels is None:
            return 'it takes audio files, and there is only stored log-mel'
        return None if clip.info['clip_id'] in self.others else self.reason


@dataclass(frozen=True, kw_only=True)
class OffScreen(Replaced):
    """The sound of something that is not in the image."""

    truth = NOTHING


@dataclass(frozen=True, kw_only=True)
class Swapped(Replaced):
    """The sound of another clip with the same classes."""

    truth = LABELS


@dataclass(frozen=True, kw_only=True)
class SwappedTwins(Replaced):
    """The sound of another clip with the same images, as synthetic test splits have them."""

    truth = OTHERS


@dataclass(frozen=True, kw_only=True)
class Delayed(Condition):
    """The clip's own sound after some silence; its end is lost.

    Attributes:
        seconds: Of silence.
    """

    seconds: float
    truth = LATER
    needs_files = True

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        samples, rate = read_pcm(info['audio_path'])
        silence = np.zeros((round(self.seconds * rate), samples.shape[1]), np.int16)
        return np.concatenate([silence, samples])[: len(samples)], rate


@dataclass(frozen=True, kw_only=True)
class Gain(Condition):
    """The clip's own sound at another level; what is too loud is clipped.

    Attributes:
        decibels: Of gain.
    """

    decibels: float
    truth = LABELS
    needs_files = True

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        samples, rate = read_pcm(info['audio_path'])
        return to_pcm(samples / FULL_SCALE * 10 ** (self.decibels / 20)), rate


@dataclass(frozen=True, kw_only=True)
class OneChannel(Condition):
    """One channel of the clip's own sound instead of the mean of all.

    Attributes:
        channel: From 0.
    """

    channel: int
    truth = LABELS
    needs_files = True

    def pcm(self, info: AudioClipInfo) -> Pcm:
        """See `Condition.pcm`."""
        samples, rate = read_pcm(info['audio_path'])
        return samples[:, self.channel, None], rate

    def lack(self, clip: Clip) -> str | None:
        """See `Condition.lack`."""
        missing = super().lack(clip)
        if missing is None and clip.channels < 2:
            return 'the audio has one channel'
        return missing


def clip_seed(seed: int, purpose: str, clip_id: str) -> int:
    """A seed for one clip and purpose, whatever the order of the clips."""
    digest = hashlib.sha256(f'{seed}|{purpose}|{clip_id}'.encode()).digest()
    return int.from_bytes(digest[:8], 'little')


def _seconds(info: AudioClipInfo) -> int:
    """Length of a clip: each of its frames stands for a second."""
    return len(info['frame_paths'])
