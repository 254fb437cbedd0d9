"""Pixel counts of classes, and the scores of class maps that follow from their sums."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class FrameAreas(NamedTuple):
    """Pixel counts of a frame, only of the classes that occur in it.

    Attributes:
        classes: (n,) int16, in the target or in the prediction.
        counts: (3, n) int32: right pixels, predicted pixels, target pixels of each.
    """

    classes: np.ndarray
    counts: np.ndarray


class ClassAreas(NamedTuple):
    """Pixel counts of K classes, each (K,) int64: right, predicted, target."""

    right: np.ndarray
    predicted: np.ndarray
    target: np.ndarray


def frame_areas(pred: np.ndarray, target: np.ndarray, num_classes: int) -> FrameAreas:
    """Count the pixels whose target is a class.

    Args:
        pred: (H, W) uint8 predicted class of each pixel, each below `num_classes`.
        target: (H, W) uint8 labelled class; pixels at or above `num_classes` are ignored.
        num_classes: K.
    """
    labelled = target < num_classes
    codes = target[labelled].astype(np.int32) * num_classes + pred[labelled]
    confusion = np.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)
    counts = np.stack([confusion.diagonal(), confusion.sum(0), confusion.sum(1)])
    classes = np.flatnonzero(counts[1] + counts[2])
    return FrameAreas(classes.astype(np.int16), counts[:, classes].astype(np.int32))


def summed(frames: Iterable[FrameAreas], num_classes: int) -> ClassAreas:
    """The counts of all frames taken together."""
    total = np.zeros((3, num_classes), np.int64)
    for frame in frames:
        total[:, frame.classes] += frame.counts
    return ClassAreas(*total)


def class_iou(areas: ClassAreas) -> np.ndarray:
    """IoU of each class, (K,) float64; NaN for one in neither target nor prediction."""
    with np.errstate(invalid='ignore'):
        return areas.right / (areas.predicted + areas.target - areas.right)


def mean_iou(areas: ClassAreas) -> float:
    """Mean IoU of the classes in the target, as the VSPW toolkit takes it; NaN without any."""
    return _mean(class_iou(areas)[areas.target > 0])


def mean_iou_of_union(areas: ClassAreas) -> float:
    """Mean IoU of the classes in target or prediction, as mmsegmentation takes it.

    A class that is only predicted counts 0.
    """
    iou = class_iou(areas)
    return _mean(iou[~np.isnan(iou)])


def weighted_iou(areas: ClassAreas) -> float:
    """IoU weighted by the classes' shares of the target (fwIoU); NaN without a target."""
    present = areas.target > 0
    total = areas.target.sum()
    if not total:
        return float('nan')
    return float((areas.target[present] / total * class_iou(areas)[present]).sum())


def pixel_accuracy(areas: ClassAreas) -> float:
    """Share of pixels with the right class; NaN without a target."""
    total = areas.target.sum()
    return float(areas.right.sum() / total) if total else float('nan')


def class_accuracy(areas: ClassAreas) -> float:
    """Share of a class's target pixels with the right class, mean of the classes in the target."""
    present = areas.target > 0
    return _mean(areas.right[present] / areas.target[present])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float('nan')
