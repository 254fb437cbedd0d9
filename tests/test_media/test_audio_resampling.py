"""Resampling of own videos: its length, its spectrum, and that it stays close to resampy."""

import numpy as np
import pytest

from avsbench.media.front_ends import AST, CLAP, VGGISH
from avsbench.media.log_mel import resample
from avsbench.media.resampling import resample_own

TARGET = 16000
EDGE = 100  # samples at each end, where the filters see the cut differently


def noise(rate: int, seconds: float = 1.5) -> np.ndarray:
    return np.random.default_rng(rate).normal(0, 0.1, round(rate * seconds))


@pytest.mark.parametrize('rate', [22050, 24000, 32000, 44100, 48000, 96000])
def test_close_to_what_features_of_data_sets_are_made_with(rate: int) -> None:
    samples = noise(rate)
    ours, theirs = resample_own(samples, rate, TARGET), resample(samples, rate)
    assert ours.shape == theirs.shape and ours.dtype == np.float64
    assert np.abs(ours - theirs)[EDGE:-EDGE].max() < 3e-4
    patches = VGGISH.own_patches(samples, rate)
    assert np.abs(patches - VGGISH.patches(samples, rate)).max() < 0.02


@pytest.mark.parametrize('rate', [8000, 11025, 44100, 48000, 192000])
@pytest.mark.parametrize('count', [0, 1, 2, 3, 997, 5000])
def test_length(rate: int, count: int) -> None:
    found = resample_own(np.ones(count), rate, TARGET)
    assert found.shape == (int(count * TARGET / rate),)
    assert len(found) < 400 or np.abs(found[150:-150] - 1).max() < 1e-3


@pytest.mark.parametrize('rate', [8000, 11025, 44100, 48000])
@pytest.mark.parametrize('pitch', [200, 3000, 6000, 9500, 15000])
def test_tones_stay_where_they_are_or_vanish(rate: int, pitch: int) -> None:
    """What the new rate can hold keeps its place and level, and nothing is folded back."""
    if pitch > rate / 2:
        pytest.skip('no such tone at this rate')
    time = np.arange(2 * rate) / rate
    found = resample_own(np.sin(2 * np.pi * pitch * time), rate, TARGET)[TARGET // 2 :][:TARGET]
    spectrum = np.abs(np.fft.rfft(found)) / (TARGET / 2)  # a bin for each Hz
    if pitch < TARGET / 2:
        assert spectrum[pitch] == pytest.approx(1, abs=1e-3)
        spectrum[pitch] = 0
    assert spectrum.max() < 1e-3


def test_nothing_is_done_where_the_rate_is_right() -> None:
    samples = noise(TARGET)
    assert resample_own(samples, TARGET, TARGET) is samples


def test_front_ends_that_need_no_resampy_keep_their_own() -> None:
    assert {front.resampler for front in (VGGISH, AST)} == {'resampy'}
    assert VGGISH.own_rate == AST.own_rate == TARGET
    assert CLAP.own_rate is None
