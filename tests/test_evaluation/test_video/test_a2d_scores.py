import math

import numpy as np
import pytest

from avsbench.evaluation.video import a2d


def test_background_counts_only_where_one_of_them_is_not():
    label = np.array([[0, 0, 11, 11], [0, 12, 12, 0]])
    pred = np.array([[0, 11, 11, 12], [0, 12, 0, 0]])
    assert a2d.frame_value(pred, label) == 2 / 5
    assert a2d.frame_value(label, label) == 1
    assert a2d.frame_value(np.zeros_like(label), label) == 0
    assert math.isnan(a2d.frame_value(np.zeros_like(label), np.zeros_like(label)))


def test_means():
    videos = {'x': [0.5, 0.7], 'y': [0.2]}
    assert a2d.mean_scores(videos) == pytest.approx((0.4, 0.45))


def test_frames_without_foreground():
    nan = float('nan')
    videos = {'x': [0.5, nan], 'y': [nan], 'z': [0.1]}
    assert a2d.mean_scores(videos) == pytest.approx((0.3, 0.3))
    assert all(math.isnan(value) for value in a2d.mean_scores(videos, skip_empty=False))
    assert all(math.isnan(value) for value in a2d.mean_scores({'y': [nan]}))
