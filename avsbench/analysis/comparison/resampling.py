"""Bootstrap intervals and permutation tests of scores that are functions of sums over clips.

Efron and Tibshirani, An Introduction to the Bootstrap (1993): BCa in chapter 14, permutation tests
in chapter 15. Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8, for
two levels.
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np

Array = np.ndarray
Value = Callable[[Array], Array]

_BLOCK = 1 << 20  # clips drawn at once
_NORMAL = NormalDist()


def bootstrap(
    value: Value, features: Sequence[Array], resamples: int, rng: np.random.Generator
) -> Array:
    """Scores of resampled clips, the same clips for all results.

    Args:
        value: (..., D) sums over clips -> (...) score.
        features: S arrays (C, D).
        resamples: R.
        rng: Draws the clips.

    Returns:
        (S, R).
    """
    clips, width = features[0].shape
    stacked = np.concatenate(features, axis=1)  # (C, S * D)
    values = []
    for rows in _blocks(resamples, clips):
        drawn = rng.integers(0, clips, (rows, clips), dtype=np.int32)
        drawn += np.arange(rows, dtype=np.int32)[:, None] * np.int32(clips)
        counts = np.bincount(drawn.ravel(), minlength=rows * clips).reshape(rows, clips)
        values.append(value((counts.astype(float) @ stacked).reshape(rows, -1, width)))
    return np.concatenate(values).T


def average_seeds(values: Array, rng: np.random.Generator) -> Array:
    """The mean score of resampled seeds in each resample of clips.

    The deviation of the drawn seeds' mean is enlarged by sqrt(S / (S - 1)): drawn from S seeds
    themselves, it would be too small by that.

    Args:
        values: (S, R) scores of S seeds on R resamples of clips.
        rng: Draws the seeds.

    Returns:
        (R,).
    """
    seeds, resamples = values.shape
    middle = values.mean(0)
    if seeds == 1:
        return middle
    drawn = rng.integers(0, seeds, (seeds, resamples))
    mean = np.take_along_axis(values, drawn, axis=0).mean(0)
    return middle + np.sqrt(seeds / (seeds - 1)) * (mean - middle)


def percentile_interval(values: Array, level: float) -> tuple[float, float]:
    """The middle share `level` of resampled scores (R,)."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bca_interval(
    values: Array, estimate: float, jackknife: Array, level: float
) -> tuple[float, float]:
    """The bias-corrected and accelerated interval.

    Args:
        values: (R,) resampled scores.
        estimate: Score of the clips as they are.
        jackknife: (C,) scores without one clip each.
        level: Such as 0.95.
    """
    below = (np.count_nonzero(values < estimate) + np.count_nonzero(values <= estimate)) / 2
    share = np.clip(below / len(values), 1 / (2 * len(values)), 1 - 1 / (2 * len(values)))
    bias = _NORMAL.inv_cdf(float(share))
    deviation = jackknife.mean() - jackknife
    spread = (deviation**2).sum()
    if not spread:
        return percentile_interval(values, level)
    acceleration = (deviation**3).sum() / (6 * spread**1.5)
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + _NORMAL.inv_cdf(tail)
        ends.append(_NORMAL.cdf(float(bias + z / (1 - acceleration * z))))
    low, high = np.quantile(values, ends)
    return float(low), float(high)


def jackknife(value: Value, features: Array) -> Array:
    """Scores without one clip each, (C,), from features (C, D)."""
    return value(features.sum(0) - features)


def permutation_p(
    value: Value, one: Array, other: Array, permutations: int, rng: np.random.Generator
) -> float:
    """How often two results differ as much where each clip's results are swapped by chance.

    Args:
        value: (..., D) sums over clips -> (...) score.
        one: (C, D) of a result.
        other: (C, D) of the other.
        permutations: How many are drawn.
        rng: Draws them.

    Returns:
        The two-sided p-value, at least 1 / (permutations + 1).
    """
    clips = len(one)
    sums, change = one.sum(0), other - one
    total = sums + other.sum(0)
    observed = abs(float(value(sums) - value(other.sum(0))))
    extreme = 0
    for rows in _blocks(permutations, clips):
        swapped = sums + rng.integers(0, 2, (rows, clips), dtype=np.int8).astype(float) @ change
        differences = np.abs(value(swapped) - value(total - swapped))
        extreme += int(np.count_nonzero(differences >= observed - 1e-12))
    return (1 + extreme) / (1 + permutations)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm, 1979)."""
    order = np.argsort(p_values)
    corrected, largest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def _blocks(total: int, clips: int) -> Iterator[int]:
    """Sizes of parts that fit the memory."""
    size = max(1, _BLOCK // clips)
    yield from (min(size, total - start) for start in range(0, total, size))
