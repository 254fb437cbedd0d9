"""Sounds that belong to no object: documented white noise, and the noise of AVSBench-Robust.

AVSBench-Robust (Li et al., arXiv 2502.00358) means to draw uniform noise, but writes the raw bytes
of the float64 numbers as 16-bit samples. Three of four samples are then nearly uniform over all 16
bits, and the fourth, with sign and exponent, takes few values: a buzz at a quarter of the rate.
"""

import numpy as np

from avsbench.media.log_mel import to_pcm

NOISE_RMS = 0.1  # of full scale: 20 dB below it
PUBLISHED_RATE = 44100  # Hz
PUBLISHED_DRAWS = 5 * PUBLISHED_RATE  # numbers of float64, four samples each


def white_noise(samples: int, rms: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian white noise of exactly that level.

    Args:
        samples: How many.
        rms: Root mean square, full scale being 1.
        rng: Draws it.

    Returns:
        (n, 1) int16.
    """
    drawn = rng.standard_normal(samples)
    return to_pcm(drawn * (rms / np.sqrt(np.mean(drawn**2))))[:, None]


def published_noise(rng: np.random.RandomState) -> np.ndarray:
    """AVSBench-Robust's noise of one clip, 20 s at 44.1 kHz of which the first 5 s are used.

    Args:
        rng: The old generator of numpy, as published.

    Returns:
        (882000, 1) int16.
    """
    return rng.uniform(-1, 1, PUBLISHED_DRAWS).astype('<f8').view('<i2')[:, None]
