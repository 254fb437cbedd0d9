"""Cuts a waveform into the seconds that the frames of a clip stand for."""

import numpy as np
from numpy.typing import DTypeLike

from avsbench.utils.errors import DataError


def whole_seconds(samples: np.ndarray, rate: int, dtype: DTypeLike = np.float64) -> np.ndarray:
    """The whole seconds of a mono waveform; what remains after the last one is dropped.

    Args:
        samples: (n,) in [-1, 1].
        rate: Sample rate in Hz.
        dtype: Of the result.

    Returns:
        (seconds, rate).

    Raises:
        DataError: A sample is NaN or infinite.
    """
    samples = np.asarray(samples, dtype)
    if samples.ndim != 1:
        raise ValueError(f'samples: expected one axis (mono), got shape {samples.shape}')
    if not np.isfinite(samples.sum()):  # one such sample makes the sum so
        raise DataError('samples: NaN or infinity in the waveform; silence it or cut it out')
    seconds = count_seconds(len(samples), rate)
    return samples[: seconds * rate].reshape(seconds, rate)


def count_seconds(samples: int, rate: int) -> int:
    """Whole seconds in a waveform of so many samples per channel."""
    return samples // rate
