"""Resampling of own videos, close to what published features were made with but ready at once.

resampy's `kaiser_best`, with which the audio of the data sets is resampled, is compiled anew by
each process, which takes longer than most videos. Its filter passes more of the highest mel bands
than soxr's, so soxr only goes to twice the rate, where it passes all of them, and the filter of
`kaiser_best` halves it. From a higher rate the result is resampy's up to 2e-4 of full scale, which
is the rounding of resampy's table, except for the first and last few samples; from a lower one it
differs in the last tenth of the band.
"""

import functools

import numpy as np
import soxr

ZEROS = 50  # crossings on each side of the filter, as in `kaiser_best`
ROLLOFF = 0.9173473712608761
BETA = 12.984585247040012


def resample_own(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Samples at another rate.

    Args:
        samples: (n,) float64.
        rate: Sample rate in Hz.
        target: The rate wanted, in Hz.

    Returns:
        (int(n * target / rate),) float64; the argument itself if it has that rate.
    """
    if rate == target:
        return samples
    count = int(len(samples) * target / rate)
    if not count:
        return samples[:0]
    double = soxr.resample(samples, rate, 2 * target)
    taps = _half_band()
    missing = max(0, 2 * count - len(double))
    padded = np.pad(double, (len(taps) // 2, len(taps) // 2 + missing))
    return np.convolve(padded, taps, 'valid')[: 2 * count : 2]


@functools.cache
def _half_band() -> np.ndarray:
    """The filter at twice the rate: (4 * `ZEROS` + 1,) float64, read-only."""
    time = np.arange(-2 * ZEROS, 2 * ZEROS + 1) / 2  # in samples of the result
    taps = ROLLOFF * np.sinc(ROLLOFF * time) * np.kaiser(len(time), BETA) / 2
    taps.flags.writeable = False
    return taps
