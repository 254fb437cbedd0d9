"""Intervals and tests on simulated scores, whose true values are known."""

import time

import numpy as np
import pytest

from avsbench.analysis.comparison.resampling import (
    average_seeds,
    bca_interval,
    bootstrap,
    holm,
    jackknife,
    percentile_interval,
    permutation_p,
)
from avsbench.analysis.comparison.statistics import present_ratio_mean, ratio_mean

FRAMES = 5.0


def features(scores):
    """Clip sums (C, 2) of mean scores (C,)."""
    return np.stack([scores * FRAMES, np.full(len(scores), FRAMES)], 1)


def skewed_pair(rng, clips, difference):
    """Scores of two systems: skewed, correlated, with a known difference of their means."""
    shared = rng.beta(4, 1.2, clips)
    return [shared + gap + 0.1 * (rng.exponential(1, clips) - 1) for gap in (difference, 0)]


@pytest.mark.parametrize('kind', ['bca', 'percentile'])
def test_coverage(kind):
    rng = np.random.default_rng(1)
    true, inside, runs = 0.03, 0, 400
    for _ in range(runs):
        one, other = map(features, skewed_pair(rng, 60, true))
        drawn = bootstrap(ratio_mean, [one, other], 600, rng)
        values = drawn[0] - drawn[1]
        estimate = float(ratio_mean(one.sum(0)) - ratio_mean(other.sum(0)))
        jack = jackknife(ratio_mean, one) - jackknife(ratio_mean, other)
        low, high = (
            bca_interval(values, estimate, jack, 0.95)
            if kind == 'bca'
            else percentile_interval(values, 0.95)
        )
        inside += low <= true <= high
    assert 0.915 <= inside / runs <= 0.98


def test_coverage_over_seeds():
    """Trainings differ as well: intervals over clips alone are then far too short."""
    rng = np.random.default_rng(2)
    clips, seeds, runs, true = 60, 6, 300, 0.7
    inside = {'clips and seeds': 0, 'clips': 0}
    for _ in range(runs):
        base = true + 0.1 * rng.standard_normal(clips)
        trained = [base + 0.05 * rng.standard_normal() for _ in range(seeds)]
        drawn = bootstrap(ratio_mean, [features(scores) for scores in trained], 500, rng)
        for name, values in (('clips and seeds', average_seeds(drawn, rng)), ('clips', drawn[0])):
            low, high = percentile_interval(values, 0.95)
            inside[name] += low <= true <= high
    assert 0.90 <= inside['clips and seeds'] / runs <= 0.98
    assert inside['clips'] / runs < 0.75


def test_resamples_are_paired():
    scores = np.random.default_rng(0).random(50)
    drawn = bootstrap(
        ratio_mean, [features(scores), features(scores + 0.1)], 200, np.random.default_rng(0)
    )
    assert drawn[1] - drawn[0] == pytest.approx(np.full(200, 0.1), abs=1e-12)
    assert drawn[0].std() == pytest.approx(scores.std() / np.sqrt(50), rel=0.2)


def test_a_resample_is_the_score_of_its_clips():
    """Against a loop over the drawn clips."""
    rng = np.random.default_rng(3)
    data = [rng.integers(1, 9, (12, 6)).astype(float) for _ in range(2)]
    drawn = bootstrap(ratio_mean, data, 20, np.random.default_rng(5))
    clips = np.random.default_rng(5).integers(0, 12, (20, 12), dtype=np.int32)
    for row, chosen in enumerate(clips):
        for system in range(2):
            sums = sum(data[system][clip] for clip in chosen)
            expected = np.mean([sums[k] / sums[3 + k] for k in range(3)])
            assert drawn[system, row] == pytest.approx(expected, abs=1e-12)


def test_ratio_means():
    sums = np.array([1.0, 3.0, 0.0, 2.0, 4.0, 0.0])
    assert ratio_mean(sums) == pytest.approx((0.5 + 0.75) / 3)
    assert present_ratio_mean(sums) == pytest.approx((0.5 + 0.75) / 2)


def test_jackknife():
    scores = np.random.default_rng(0).random(9)
    expected = [np.delete(scores, index).mean() for index in range(9)]
    assert jackknife(ratio_mean, features(scores)) == pytest.approx(expected)


def test_bca_corrects_bias_and_skew():
    """Against the definition on a skewed mean; without skew it is the percentile interval."""
    rng = np.random.default_rng(0)
    scores = rng.exponential(1, 40)
    values = bootstrap(ratio_mean, [features(scores)], 5000, rng)[0]
    found = bca_interval(values, scores.mean(), jackknife(ratio_mean, features(scores)), 0.95)
    plain = percentile_interval(values, 0.95)
    assert found[0] > plain[0] and found[1] > plain[1]  # towards the long tail
    same = np.full(100, 0.5)
    assert bca_interval(same, 0.5, np.full(40, 0.5), 0.95) == (0.5, 0.5)


def test_permutation_is_uniform_without_a_difference_and_small_with_one():
    rng = np.random.default_rng(4)
    p_values = [
        permutation_p(ratio_mean, *map(features, skewed_pair(rng, 30, 0)), 200, rng)
        for _ in range(300)
    ]
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09
    assert 0.42 <= np.mean(p_values) <= 0.58
    pair = list(map(features, skewed_pair(rng, 60, 0.2)))
    assert permutation_p(ratio_mean, *pair, 999, rng) == 1 / 1000
    assert permutation_p(ratio_mean, pair[0], pair[0], 99, rng) == 1


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_ten_thousand_resamples_of_740_clips_take_under_two_seconds():
    rng = np.random.default_rng(0)
    data = [features(rng.random(740)) for _ in range(2)]
    start = time.process_time()  # not of what runs beside the test
    bootstrap(ratio_mean, data, 10_000, rng)
    assert time.process_time() - start < 2
