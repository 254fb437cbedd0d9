"""Decibels of a mel power spectrogram for each second: the front end of trainable audio encoders.

The recipe is that of AVSBench-Robust (Li et al., arXiv 2502.00358) through librosa: 22 050 Hz,
centred windows of 1024 samples every 512, 64 of Slaney's mel bands from 0 to 11 025 Hz, power in
decibels, not more than 80 below the peak of the second. Each second by itself is brought to mean 0
and standard deviation 1, so the level of the audio is lost; its spectrum and rhythm are kept.

Unlike VGGish's patches, which last 0.96 s, these begin exactly at the second of their frame.
"""

import numpy as np

from avsbench.media.seconds import whole_seconds

SAMPLE_RATE = 22050  # Hz
FFT_SIZE = 1024
HOP = 512
MEL_BANDS = 64
MEL_RANGE = (0.0, SAMPLE_RATE / 2)  # Hz
FRAMES = 1 + SAMPLE_RATE // HOP  # in a second
PUBLISHED_FRAMES = 96  # the published files are padded to the size of VGGish's patches


def mel_power_patches(samples: np.ndarray, rate: int) -> np.ndarray:
    """One spectrogram for each whole second of a mono waveform; a second of silence is all zeros.

    Args:
        samples: (n,) in [-1, 1].
        rate: Sample rate in Hz; another one than 22 050 Hz is resampled.

    Returns:
        (seconds, 1, 44 frames, 64 bands) float32.

    Raises:
        DataError: A sample is NaN or infinite.
    """
    decibels = _decibels(samples, rate)
    mean = decibels.mean(axis=(1, 2), keepdims=True)
    return ((decibels - mean) / _deviation(decibels))[:, None]


def published_mel_power_patches(samples: np.ndarray, rate: int) -> np.ndarray:
    """The same in the form of the published negative examples.

    Zeros follow each second up to 96 frames, which a network can tell from VGGish's patches by
    that alone, and a second of silence keeps its -100 dB.

    Args:
        samples: See `mel_power_patches`.
        rate: See `mel_power_patches`.

    Returns:
        (seconds, 1, 96 frames, 64 bands) float32.

    Raises:
        DataError: A sample is NaN or infinite.
    """
    decibels = _decibels(samples, rate)
    constant = decibels.std(axis=(1, 2), keepdims=True) == 0
    mean = np.where(constant, 0, decibels.mean(axis=(1, 2), keepdims=True))
    patches = (decibels - mean) / _deviation(decibels)
    return np.pad(patches, [(0, 0), (0, PUBLISHED_FRAMES - FRAMES), (0, 0)])[:, None]


def _decibels(samples: np.ndarray, rate: int) -> np.ndarray:
    """(seconds, 44 frames, 64 bands) float32."""
    import librosa  # takes a second or two, and most data sets go without

    seconds = whole_seconds(samples, rate, np.float32)
    if not len(seconds):
        return np.zeros((0, FRAMES, MEL_BANDS), np.float32)
    whole = librosa.resample(seconds.reshape(-1), orig_sr=rate, target_sr=SAMPLE_RATE)
    decibels = []
    for second in whole.reshape(len(seconds), SAMPLE_RATE):
        power = librosa.feature.melspectrogram(
            y=second, sr=SAMPLE_RATE, n_fft=FFT_SIZE, hop_length=HOP, n_mels=MEL_BANDS
        )
        decibels.append(librosa.power_to_db(power).T)
    return np.stack(decibels)


def _deviation(decibels: np.ndarray) -> np.ndarray:
    """Standard deviation of each second, 1 where all its values are equal."""
    deviation = decibels.std(axis=(1, 2), keepdims=True)
    return np.where(deviation > 0, deviation, 1)
