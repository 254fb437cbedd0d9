"""Decibels of a mel power spectrogram over ten seconds: the front end of CLAP's HTS-AT.

The recipe is that of LAION's CLAP (Wu et al., arXiv 2211.06687) without fusion, for audio that is
shorter than its ten seconds: 48 kHz, the audio repeated until they are full (`repeatpad`), centred
windows of 1024 samples every 480, 64 of Slaney's mel bands from 0 to 14 kHz, power in decibels.
The audio of a frame is its second, so each one is repeated ten times.
"""

import numpy as np

from avsbench.media.seconds import whole_seconds

SAMPLE_RATE = 48000  # Hz
FFT_SIZE = 1024
HOP = 480
MEL_BANDS = 64
MEL_RANGE = (0.0, 14000.0)  # Hz
REPEATS = 10
FRAMES = 1 + REPEATS * SAMPLE_RATE // HOP
SILENCE = -100.0  # dB

_PERIOD = SAMPLE_RATE // HOP  # frames


def clap_mel_patches(samples: np.ndarray, rate: int) -> np.ndarray:
    """One spectrogram for each whole second of a mono waveform.

    Args:
        samples: (n,) in [-1, 1].
        rate: Sample rate in Hz; another one than 48 kHz is resampled.

    Returns:
        (seconds, 1, 1001 frames, 64 bands) float32.

    Raises:
        DataError: A sample is NaN or infinite.
    """
    import librosa  # takes a second or two, and most data sets go without

    seconds = whole_seconds(samples, rate, np.float32)
    if not len(seconds):
        return np.zeros((0, 1, FRAMES, MEL_BANDS), np.float32)
    whole = librosa.resample(seconds.reshape(-1), orig_sr=rate, target_sr=SAMPLE_RATE)
    whole = whole[: len(seconds) * SAMPLE_RATE]  # its length is rounded up
    # Within the ten seconds each second looks alike, so three of them have all that occurs.
    thrice = np.tile(whole.reshape(len(seconds), SAMPLE_RATE), 3)
    power = librosa.feature.melspectrogram(
        y=thrice,
        sr=SAMPLE_RATE,
        n_fft=FFT_SIZE,
        hop_length=HOP,
        n_mels=MEL_BANDS,
        fmin=MEL_RANGE[0],
        fmax=MEL_RANGE[1],
        pad_mode='reflect',
    )
    decibels = librosa.power_to_db(power, top_db=None).swapaxes(1, 2)  # (seconds, 301, 64)
    first, inner, last = np.split(decibels, [_PERIOD, 2 * _PERIOD], axis=1)
    parts = [first, *[inner] * (REPEATS - 2), last]
    return np.concatenate(parts, axis=1)[:, None].astype(np.float32)
