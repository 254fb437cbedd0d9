import math

import numpy as np
import pytest

from avsbench.evaluation.video import class_areas


def counted(preds, targets, classes):
    frames = [
        class_areas.frame_areas(*frame, classes) for frame in zip(preds, targets, strict=True)
    ]
    return class_areas.summed(frames, classes)


def test_areas_are_those_of_one_confusion_matrix():
    rng = np.random.default_rng(0)
    preds, targets = rng.integers(0, 5, (2, 3, 8, 9), np.uint8)
    targets[rng.random(targets.shape) < 0.2] = 255
    matrix = np.zeros((5, 5), int)
    for pred, target in zip(preds.ravel(), targets.ravel(), strict=True):
        if target != 255:
            matrix[target, pred] += 1
    areas = counted(preds, targets, 5)
    assert np.array_equal(areas.right, matrix.diagonal())
    assert np.array_equal(areas.predicted, matrix.sum(0))
    assert np.array_equal(areas.target, matrix.sum(1))
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    iou = matrix.diagonal() / union
    assert class_areas.class_iou(areas) == pytest.approx(iou)
    assert class_areas.mean_iou(areas) == pytest.approx(iou.mean())
    shares = matrix.sum(1) / matrix.sum()
    assert class_areas.weighted_iou(areas) == pytest.approx((shares * iou).sum())
    assert class_areas.pixel_accuracy(areas) == pytest.approx(matrix.trace() / matrix.sum())
    recall = matrix.diagonal() / matrix.sum(1)
    assert class_areas.class_accuracy(areas) == pytest.approx(recall.mean())


def test_only_classes_of_the_frame_are_kept():
    frame = class_areas.frame_areas(
        np.array([[3, 3, 90]], np.uint8), np.array([[3, 7, 255]], np.uint8), 124
    )
    assert frame.classes.tolist() == [3, 7]  # 90 is predicted where the target is void
    assert frame.counts.tolist() == [[1, 0], [2, 0], [1, 1]]


def test_conventions_for_a_class_that_is_only_predicted():
    areas = counted([np.array([[0, 0, 1, 2]], np.uint8)], [np.array([[0, 0, 1, 1]], np.uint8)], 4)
    assert np.isnan(class_areas.class_iou(areas)).tolist() == [False, False, False, True]
    assert class_areas.mean_iou(areas) == 0.75
    assert class_areas.mean_iou_of_union(areas) == 0.5
    assert class_areas.class_accuracy(areas) == 0.75


def test_all_void():
    areas = counted([np.zeros((2, 2), np.uint8)], [np.full((2, 2), 255, np.uint8)], 3)
    for score in ('mean_iou', 'mean_iou_of_union', 'weighted_iou', 'pixel_accuracy'):
        assert math.isnan(getattr(class_areas, score)(areas))
    assert math.isnan(class_areas.class_accuracy(areas))
