import math

import numpy as np
import pytest

from avsbench.evaluation.video.consistency import (
    ConsistencyTracker,
    mean_consistency,
    video_windows,
)


def published_windows(preds, targets, length):
    """All frames of a window against its first one, for each start but the last."""
    shares = []
    for start in range(len(preds) - length):
        same_target = np.ones(targets[0].shape, bool)
        same_pred = np.ones(targets[0].shape, bool)
        for later in range(start + 1, start + length):
            same_target &= targets[start] == targets[later]
            same_pred &= preds[start] == preds[later]
        count = same_target.sum()
        shares.append((same_target & same_pred).sum() / count if count else math.nan)
    return shares


def random_video(frames, seed=0, size=(9, 11)):
    """Class maps in which a few pixels change from frame to frame."""
    rng = np.random.default_rng(seed)
    maps = [rng.integers(0, 4, size)]
    for _ in range(frames - 1):
        maps.append(np.where(rng.random(size) < 0.07, rng.integers(0, 4, size), maps[-1]))
    return np.stack(maps)


@pytest.mark.parametrize('length', [2, 3, 8])
def test_windows_are_the_published_ones(length):
    preds, targets = random_video(20, 1), random_video(20, 2)
    ours = video_windows(preds, targets, length)
    assert len(ours) == 20 - length
    assert ours.tolist() == published_windows(preds, targets, length)
    assert len(set(ours.tolist())) > 5


def test_a_class_that_comes_back_has_changed():
    targets = np.zeros((5, 1, 2), int)
    preds = np.array([0, 1, 0, 0, 0])[:, None, None] * np.array([[1, 0]])
    assert video_windows(preds, targets, 3).tolist() == [0.5, 0.5]


@pytest.mark.parametrize('frames', [0, 1, 7, 8])
def test_the_last_window_is_left_out(frames):
    video = np.zeros((frames, 2, 2), int)
    assert video_windows(video, video, 8).tolist() == []
    assert video_windows(*[np.zeros((9, 2, 2), int)] * 2, 8).tolist() == [1]


def test_windows_without_a_constant_pixel():
    targets = np.arange(6)[:, None, None] * np.ones((1, 2, 2), int)
    shares = video_windows(np.zeros_like(targets), targets, 3)
    assert np.isnan(shares).tolist() == [True] * 3
    assert math.isnan(mean_consistency(shares))
    assert math.isnan(mean_consistency([]))
    assert mean_consistency([math.nan, 0.5, 1]) == 0.75


def test_all_lengths_from_one_pass():
    preds, targets = random_video(15, 3), random_video(15, 4)
    tracker = ConsistencyTracker((4, 6))
    found = {4: [], 6: []}
    for frame in zip(preds, targets, strict=True):
        for window in tracker.add(*frame):
            found[window.length].append(window.share)
    for length, shares in found.items():
        assert shares == video_windows(preds, targets, length).tolist()


def test_frames_may_be_written_over_afterwards():
    preds, targets = random_video(9, 5), random_video(9, 6)
    buffers = np.empty_like(preds[0]), np.empty_like(targets[0])
    tracker, shares = ConsistencyTracker([3]), []
    for frame in zip(preds, targets, strict=True):
        for buffer, part in zip(buffers, frame, strict=True):
            buffer[:] = part
        shares += [window.share for window in tracker.add(*buffers)]
    assert shares == video_windows(preds, targets, 3).tolist()


def test_bad_input():
    with pytest.raises(ValueError, match='expected windows of 2 frames or more'):
        ConsistencyTracker([8, 1])
    tracker = ConsistencyTracker()
    tracker.add(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r'frame 1 has size \(3, 2\), the ones before \(2, 3\)'):
        tracker.add(np.zeros((3, 2)), np.zeros((3, 2)))
