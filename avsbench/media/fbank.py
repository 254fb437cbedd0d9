"""Kaldi's log-mel filter banks of each second: the front end of audio spectrogram transformers.

The recipe is that of AST (Gong et al., arXiv 2104.01778) through `torchaudio.compliance.kaldi`:
16 kHz, windows of 25 ms every 10 ms that lie within the second, the mean of each window taken off,
pre-emphasis 0.97, a symmetric Hann window, power spectrum of 512 points, 128 triangles in mel from
20 to 8000 Hz, natural logarithm. Nothing is added to the signal (no dither). The arithmetic is
float64, the published one float32. AST subtracts a mean and divides by a deviation in the end; here
the encoder does so, since both belong to its weights.
"""

import functools

import numpy as np

from avsbench.media.log_mel import resample
from avsbench.media.seconds import whole_seconds

SAMPLE_RATE = 16000  # Hz
WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
FFT_SIZE = 512
MEL_BANDS = 128
MEL_RANGE = (20.0, SAMPLE_RATE / 2)  # Hz
FRAMES = 1 + (SAMPLE_RATE - WINDOW) // HOP  # in a second
PRE_EMPHASIS = 0.97
SMALLEST = float(np.finfo(np.float32).eps)  # energy of a band, below which it is silent
SILENCE = float(np.log(SMALLEST))


def fbank_patches(samples: np.ndarray, rate: int) -> np.ndarray:
    """One spectrogram for each whole second of a mono waveform.

    Args:
        samples: (n,) in [-1, 1].
        rate: Sample rate in Hz; another one than 16 kHz is resampled.

    Returns:
        (seconds, 1, 98 frames, 128 bands) float32.

    Raises:
        DataError: A sample is NaN or infinite.
    """
    seconds = whole_seconds(samples, rate)
    if not len(seconds):
        return np.zeros((0, 1, FRAMES, MEL_BANDS), np.float32)
    whole = resample(seconds.reshape(-1), rate).reshape(len(seconds), SAMPLE_RATE)
    windows = np.lib.stride_tricks.sliding_window_view(whole, WINDOW, axis=1)[:, ::HOP]
    windows = windows - windows.mean(axis=-1, keepdims=True)  # (seconds, 98, 400)
    before = np.concatenate([windows[..., :1], windows[..., :-1]], axis=-1)
    windows = (windows - PRE_EMPHASIS * before) * _symmetric_hann()
    power = np.abs(np.fft.rfft(windows, FFT_SIZE)[..., :-1]) ** 2  # (seconds, 98, 256)
    return np.log(np.maximum(power @ _mel_matrix(), SMALLEST))[:, None].astype(np.float32)


@functools.cache
def _symmetric_hann() -> np.ndarray:
    """0.5 - 0.5 cos(2 pi k / 399), (400,) float64."""
    return np.hanning(WINDOW)


@functools.cache
def _mel_matrix() -> np.ndarray:
    """Triangles in Kaldi's mel, peak 1, without the bin at 8 kHz: (256 bins, 128 bands) float64."""
    low, high = (_mel(np.float64(frequency)) for frequency in MEL_RANGE)
    edges = np.linspace(low, high, MEL_BANDS + 2)
    bins = _mel(np.arange(FFT_SIZE // 2) * (SAMPLE_RATE / FFT_SIZE))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(frequency: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + frequency / 700.0)
