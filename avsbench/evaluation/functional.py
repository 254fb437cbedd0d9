"""Scores of audio-visual segmentation as pure functions of tensors.

The formulas are those of the published evaluation code: mask_iou and Eval_Fmeasure for binary
masks, calc_color_miou_fscore for semantic ones (AVSBench, arXiv 2207.05042 and 2301.13190,
github.com/OpenNLPLab/AVSBench). The results equal it to the last bit; what differs is how pixels
are counted: one histogram per frame in place of 255 passes (binary) or three (semantic). The order
of float32 operations is therefore part of these functions: don't rearrange them.

Counting works on any device. Every count is an exact integer, so scores made from counts don't
depend on where or in which batches the counting was done.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from avsbench.utils.maps import THRESHOLD

BETA2 = 0.3
NUM_THRESHOLDS = 255
_CODES = 256  # what a probability can be: below every threshold, or one of 255 intervals


class BinaryCounts(NamedTuple):
    """Pixel counts of N frames, all int64.

    Attributes:
        true_positives: (N, 255) at or above each threshold, and in the target.
        predicted: (N, 255) at or above each threshold.
        hits: (N,) foreground in prediction and target.
        foreground: (N,) foreground in the prediction.
        target: (N,) foreground in the target.
        pixels: (N,) all pixels of the frame.
    """

    true_positives: Tensor
    predicted: Tensor
    hits: Tensor
    foreground: Tensor
    target: Tensor
    pixels: Tensor


class FCurves(NamedTuple):
    """Precision, recall and F-measure (beta^2 = 0.3) at the thresholds, each (N, 255) float32."""

    precision: Tensor
    recall: Tensor
    f: Tensor


class ClassAreas(NamedTuple):
    """Pixels of each class in N frames, each (N, K) int64: in both, predicted, labelled."""

    intersection: Tensor
    predicted: Tensor
    target: Tensor


class ClassScores(NamedTuple):
    """IoU and F-measure of each class in N frames, (N, K) float32, and whether it is there.

    `present` (N, K) bool: the class is in the target or in the prediction. Both scores are 0
    where it is not.
    """

    iou: Tensor
    f: Tensor
    present: Tensor


class ClassSums(NamedTuple):
    """Sums over frames for each class, (K,) float32: IoU, F-measure, frames with the class."""

    iou: Tensor
    f: Tensor
    count: Tensor


@cache
def thresholds() -> Tensor:
    """The 255 thresholds of the F-measure, float32 on the CPU; the last one is exactly 1.

    Shared between callers: not to be written to.
    """
    return torch.linspace(0, 1 - 1e-10, NUM_THRESHOLDS, device='cpu', dtype=torch.float32)


def levels(probs: Tensor) -> Tensor:
    """How many of the 255 thresholds each probability reaches: all that the F-measure reads of it.

    A level of 1 to 255, divided by 255, is a probability of the same level, so 8 bits hold a
    probability map without loss for the F-measure.

    Args:
        probs: Probabilities in [0, 1], float32, any shape; NaN reaches none.

    Returns:
        uint8 of the same shape.
    """
    return _reached(probs).to(torch.uint8)


def binary_counts(
    probs: Tensor,
    targets: Tensor,
    threshold: float = THRESHOLD,
    foreground: Tensor | None = None,
) -> BinaryCounts:
    """Count what the IoU and the F-measure of binary masks need.

    Args:
        probs: (N, H, W) float32 probability of the foreground, in [0, 1]. NaN is below every
            threshold, as in the published comparison.
        targets: (N, H, W) of 0 and 1, any dtype.
        threshold: Foreground is what lies strictly above it.
        foreground: (N, H, W) of 0 and 1, any dtype: the decided masks, where these are known
            and the threshold is not to decide.

    Returns:
        The counts, on the device of `probs`.
    """
    frames = probs.flatten(1)  # (N, P)
    decided = frames > threshold if foreground is None else foreground.flatten(1)
    masks = targets.flatten(1).to(torch.int16).add(decided, alpha=2)  # both in one number
    # axes: frame, foreground in the prediction, foreground in the target, code
    histogram = _histograms(_threshold_codes, (frames, masks), 4 * _CODES)
    histogram = histogram.view(-1, 2, 2, _CODES)
    # at or above threshold i = every code from i + 1 upwards
    at_or_above = histogram.sum(1).flip(-1).cumsum(-1).flip(-1)[..., 1:]  # (N, 2, 255)
    areas = histogram.sum(-1)  # (N, 2, 2)
    return BinaryCounts(
        true_positives=at_or_above[:, 1],
        predicted=at_or_above.sum(1),
        hits=areas[:, 1, 1],
        foreground=areas[:, 1].sum(1),
        target=areas[:, :, 1].sum(1),
        pixels=torch.full_like(areas[:, 0, 0], frames.shape[1]),
    )


def frame_iou(counts: BinaryCounts) -> Tensor:
    """IoU of each frame; with an empty target the share of pixels left background.

    Returns:
        (N,) float32.
    """
    union = counts.foreground + counts.target - counts.hits
    empty = counts.target == 0
    inter = torch.where(empty, counts.pixels - counts.foreground, counts.hits)
    union = torch.where(empty, counts.pixels, union)
    return inter / (union + 1e-7)


def batch_iou(iou: Tensor) -> Tensor:
    """The published value of one batch: the mean of its frames, a float32 scalar.

    Args:
        iou: (N,) from `frame_iou`.
    """
    return torch.sum(iou) / len(iou)


def f_curves(counts: BinaryCounts) -> FCurves:
    """Precision, recall and F-measure of each frame at the 255 thresholds."""
    precision = counts.true_positives / (counts.predicted + 1e-20)
    recall = counts.true_positives / (counts.target[:, None] + 1e-20)
    f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
    return FCurves(precision, recall, torch.where(f.isnan(), 0, f))


def mean_f_curve(f: Tensor, target: Tensor) -> Tensor | None:
    """Mean F-measure at each threshold over the frames that have a target.

    Args:
        f: (N, 255) float32 from `f_curves`.
        target: (N,) foreground pixels of each target.

    Returns:
        (255,) float32, summed in the order of the frames; None if every target is empty.
    """
    total = torch.zeros(NUM_THRESHOLDS)
    kept = f[target > 0].cpu()
    for curve in kept:
        total += curve
    return total / len(kept) if len(kept) else None


def batch_f(f: Tensor, target: Tensor) -> float:
    """The published F-measure of one batch: the best of `mean_f_curve`, 0 if all is empty."""
    curve = mean_f_curve(f, target)
    return 0.0 if curve is None else curve.max().item()


def dataset_f_curve(counts: BinaryCounts) -> Tensor:
    """F-measure of the pixels of all frames taken together, (255,) float64."""
    return f_of_areas(counts.true_positives.sum(0), counts.predicted.sum(0), counts.target.sum())


def dataset_f(counts: BinaryCounts) -> float:
    """The same at its best threshold."""
    return dataset_f_curve(counts).max().item()


def f_of_areas(intersection: Tensor, predicted: Tensor, target: Tensor) -> Tensor:
    """F-measure (beta^2 = 0.3) of areas in float64; 0 where nothing is right."""
    precision = intersection.double() / (predicted.double() + 1e-20)
    recall = intersection.double() / (target.double() + 1e-20)
    f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
    return torch.where(f.isnan(), 0, f)


def mask_f(counts: BinaryCounts) -> Tensor:
    """F-measure of the decided mask of each frame, (N,) float64; without any threshold."""
    return f_of_areas(counts.hits, counts.foreground, counts.target)


def meter_mean(values: Sequence[Tensor | float]) -> float:
    """Plain mean over batches as the published AverageMeter takes it (float32 for tensors)."""
    total = 0.0
    for value in values:
        total = total + value
    return float(total / len(values))


def confusions(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Confusion matrix of each frame, from one histogram per frame.

    Args:
        pred: (N, H, W) predicted class of each pixel, any integer dtype.
        target: (N, H, W) labelled class.
        num_classes: K; every value must lie in 0 .. K - 1.

    Returns:
        (N, K, K) int64: pixels by labelled class (rows) and predicted class (columns).
    """

    def codes(label: Tensor, guess: Tensor) -> Tensor:
        return label.to(torch.int32).mul_(num_classes).add_(guess)

    frames = (target.flatten(1), pred.flatten(1))
    histogram = _histograms(codes, frames, num_classes**2)
    return histogram.view(-1, num_classes, num_classes)


def areas_of(confusion: Tensor) -> ClassAreas:
    """Areas of each class in each frame, from confusion matrices (N, K, K)."""
    return ClassAreas(confusion.diagonal(0, 1, 2), confusion.sum(1), confusion.sum(2))


def class_areas(pred: Tensor, target: Tensor, num_classes: int) -> ClassAreas:
    """Areas of each class in each frame; arguments as in `confusions`."""
    return areas_of(confusions(pred, target, num_classes))


def class_scores(areas: ClassAreas) -> ClassScores:
    """IoU and F-measure of each class in each frame, as published."""
    union = areas.predicted + areas.target - areas.intersection
    iou = areas.intersection / (2.220446049250313e-16 + union.float())
    precision = areas.intersection / areas.predicted
    recall = areas.intersection / areas.target
    f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
    return ClassScores(iou, torch.where(f.isnan(), 0, f), union > 0)


def class_sums(scores: ClassScores) -> ClassSums:
    """Add up the frames one after the other in float32, as published."""
    sums = ClassSums(*(torch.zeros(scores.iou.shape[1]) for _ in ClassSums._fields))
    for frame in zip(*(part.cpu() for part in scores), strict=True):
        for total, value in zip(sums, frame, strict=True):
            total += value
    return sums


def _threshold_codes(probs: Tensor, masks: Tensor) -> Tensor:
    """How many thresholds each probability reaches, plus 256 times the number of its mask."""
    return _reached(probs).add_(masks, alpha=_CODES)


def _reached(probs: Tensor) -> Tensor:
    """How many thresholds each probability reaches, int32.

    Multiplying finds the nearest threshold, one comparison with its exact value decides.
    """
    table = thresholds().to(probs.device)
    nearest = probs.mul(NUM_THRESHOLDS - 1).nan_to_num_(nan=0.0).round_().to(torch.int32)
    reached = probs >= table.index_select(0, nearest.flatten()).view(nearest.shape)
    return nearest.add_(reached)


def _histograms(
    codes: Callable[[Tensor, Tensor], Tensor], frames: tuple[Tensor, Tensor], bins: int
) -> Tensor:
    """Histogram of `codes(*frames)` for each frame, (N, bins) int64.

    On the CPU frame by frame, which keeps intermediate values in the cache; elsewhere in one go,
    which keeps the number of kernel launches small.
    """
    if frames[0].device.type != 'cpu':
        return _histograms_at_once(codes, frames, bins)
    rows = zip(*frames, strict=True)
    out = [torch.bincount(codes(*row), minlength=bins) for row in rows]
    return torch.stack(out) if out else torch.zeros(0, bins, dtype=torch.int64)


def _histograms_at_once(
    codes: Callable[[Tensor, Tensor], Tensor], frames: tuple[Tensor, Tensor], bins: int
) -> Tensor:
    count = len(frames[0])
    offsets = torch.arange(count, device=frames[0].device).mul_(bins)
    shifted = codes(*frames) + offsets[:, None]
    return torch.bincount(shifted.flatten(), minlength=count * bins).view(count, bins)
