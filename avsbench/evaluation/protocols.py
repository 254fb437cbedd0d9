"""The two evaluation protocols: what is kept of each clip, and the numbers made from it.

Each protocol counts the pixels of one clip at a time (`measure`) and makes every published and
unpublished convention from the counts of all clips (`summarise`), so that no number depends on
batch size, order of arrival or number of processes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmseg.evaluation import IoUMetric
from torch import Tensor

from avsbench.evaluation import functional
from avsbench.evaluation.record_metric import check_values
from avsbench.utils.maps import probabilities


class FrameDetails(NamedTuple):
    """What the table of frames says of the n scored frames of a clip, beside their counts.

    Attributes:
        names: File names without suffix, '' of a frame that doesn't exist.
        category: Folder of the clip's name, which is its category in S4; '' without one.
        regions: (n,) int32, connected regions of a binary target; None for classes.
        missing: (n,) bool, there was no prediction, and background took its place.
    """

    names: tuple[str, ...]
    category: str
    regions: Tensor | None
    missing: Tensor


class Measured(NamedTuple):
    """What was counted in one clip.

    Attributes:
        counts: `BinaryCounts` or `ClassAreas` of its n scored frames.
        nan_frames: How many of them have a NaN among their logits.
        confusion: Of classes: (2, m) int64, the m cells of the clip's confusion matrix that are not
            0, as places in the flattened matrix (labelled, predicted) and pixels, over the frames
            that exist. None for binary masks.
    """

    counts: functional.BinaryCounts | functional.ClassAreas
    nan_frames: int = 0
    confusion: Tensor | None = None


class ClipRecord(NamedTuple):
    """What is kept of one clip.

    Attributes:
        sample_idx: Position of the clip in the data set.
        clip_id: Its name.
        counts: `BinaryCounts` or `ClassAreas` of its n scored frames, int32 on the CPU.
        padded: (n,) bool, the frame doesn't exist.
        nan_frames: How many of them have a NaN among their logits.
        size: (H, W) that they were scored at.
        details: Of the frames; None where no table of them is written.
        confusion: See `Measured`, on the CPU.
    """

    sample_idx: int
    clip_id: str
    counts: functional.BinaryCounts | functional.ClassAreas
    padded: Tensor
    nan_frames: int
    size: tuple[int, int] = (0, 0)
    details: FrameDetails | None = None
    confusion: Tensor | None = None

    @property
    def identity(self) -> str:
        """The clip's name."""
        return self.clip_id


class BinaryProtocol:
    """Scores of sounding / not sounding (S4 and MS3).

    Args:
        f_groups: Batch sizes, in clips, that the published F-measures were taken with.
    """

    def __init__(self, f_groups: Sequence[int] = (1, 2, 4)) -> None:
        bad = [group for group in f_groups if not isinstance(group, int) or group < 1]
        if bad:
            raise ValueError(f'f_groups: got {bad[0]!r}, expected numbers of clips, 1 or more')
        self.f_groups = tuple(f_groups)

    def measure(self, sample: dict, scored: Tensor) -> Measured:
        """Count one clip.

        Args:
            sample: Fields of an `AVSDataSample`; reads `seg_logits` (T, 1, H, W), or in its absence
                `seg_probs`, and `gt_masks`. `decided_masks` (T, H, W) of 0 and 1 are the masks
                where these were read from files; without them the probabilities decide.
            scored: (T,) bool, the frames that count.

        Raises:
            DataError: A mask holds other values than 0 and 1.
            ValueError: Prediction and mask differ in shape.
        """
        field = 'seg_logits' if 'seg_logits' in sample else 'seg_probs'
        maps, masks = sample[field], sample['gt_masks']
        expected = (len(masks), 1, *masks.shape[1:])
        _check_shape(sample, field, tuple(maps.shape), expected)
        maps, masks = maps[scored].float(), masks[scored]
        check_values(f'clip {sample["clip_id"]}', 'gt_masks', masks, 1)
        nan_frames = int(maps.isnan().flatten(1).any(1).sum())
        probability = probabilities(maps) if field == 'seg_logits' else maps
        decided = sample.get('decided_masks')
        if decided is not None:
            decided = decided[scored]
        counts = functional.binary_counts(probability[:, 0], masks, foreground=decided)
        return Measured(counts, nan_frames)

    def summarise(self, records: Sequence[ClipRecord]) -> dict[str, float | int]:
        """All numbers of the set; `records` in data set order, none without frames."""
        counts = _joined(records)
        padded = torch.cat([record.padded for record in records])
        sizes = [len(record.padded) for record in records]
        iou, f = functional.frame_iou(counts), functional.f_curves(counts).f
        metrics = {'mIoU': iou.double().mean().item()}
        for group in self.f_groups:
            frames = _batches(sizes, group)
            batches = [functional.batch_iou(part) for part in iou.split(frames)]
            metrics[f'mIoU_b{group}'] = functional.meter_mean(batches)
        for group in self.f_groups:
            frames = _batches(sizes, group)
            parts = zip(f.split(frames), counts.target.split(frames), strict=True)
            metrics[f'F_b{group}'] = functional.meter_mean(
                [functional.batch_f(*part) for part in parts]
            )
        curve = functional.mean_f_curve(f, counts.target)
        metrics['F_all'] = 0.0 if curve is None else curve.max().item()
        threshold = {} if curve is None else {'threshold_F_all': _threshold_of(curve)}
        objects = counts.target > 0
        mask_f = functional.mask_f(counts)[objects]
        metrics['F_mask'] = mask_f.mean().item() if len(mask_f) else 0.0
        for name in [*(f'b{group}' for group in self.f_groups), 'all', 'mask']:
            metrics[f'JF_{name}'] = (metrics['mIoU'] + metrics[f'F_{name}']) / 2
        return metrics | {
            **self._dataset(counts, padded),
            **threshold,
            **_sizes(records, ~objects),
            'frames_nan': sum(record.nan_frames for record in records),
        }

    def frame_scores(self, records: Sequence[ClipRecord]) -> tuple[Tensor, Tensor]:
        """IoU and F-measure of each frame, (N,) float32.

        F is taken at the threshold that `F_all` has, and is NaN where the target is empty.
        """
        counts = _joined(records)
        f = functional.f_curves(counts).f
        curve = functional.mean_f_curve(f, counts.target)
        at = 0 if curve is None else int(curve.argmax())
        return functional.frame_iou(counts), torch.where(counts.target > 0, f[:, at], torch.nan)

    @staticmethod
    def _dataset(counts: functional.BinaryCounts, padded: Tensor) -> dict[str, float]:
        """Scores of the pixels of all frames that exist, summed over the set."""
        real = functional.BinaryCounts(*(part[~padded] for part in counts))
        hits, predicted, target, pixels = (
            part.sum().item() for part in (real.hits, real.foreground, real.target, real.pixels)
        )
        outside = pixels - predicted - target + hits
        background, foreground = _dataset_level(
            torch.tensor([outside, hits]),
            torch.tensor([pixels - predicted, predicted]),
            torch.tensor([pixels - target, target]),
        )['IoU']
        iou = 1.0 if np.isnan(foreground) else float(foreground)  # no object at all
        curve = functional.dataset_f_curve(real)
        f_mask = functional.f_of_areas(*(part.sum() for part in real[2:5]))
        return {
            'IoU_dataset': iou,
            'mIoU_dataset': float(np.nanmean([background, foreground])),
            'F_dataset': curve.max().item(),
            'F_mask_dataset': f_mask.item(),
            'JF_dataset': (iou + curve.max().item()) / 2,
            'JF_mask_dataset': (iou + f_mask.item()) / 2,
            'threshold_F_dataset': _threshold_of(curve),
        }


class SemanticProtocol:
    """Scores of the class of each pixel (AVSS).

    Args:
        num_classes: K, background included as class 0.
    """

    def __init__(self, num_classes: int) -> None:
        if num_classes < 2:
            raise ValueError(f'num_classes: got {num_classes}, expected 2 or more')
        self.num_classes = num_classes

    def measure(self, sample: dict, scored: Tensor) -> Measured:
        """Count one clip, from `pred_masks` and `gt_masks`; arguments as in `BinaryProtocol`."""
        pred, masks = sample['pred_masks'], sample['gt_masks']
        _check_shape(sample, 'pred_masks', tuple(pred.shape), tuple(masks.shape))
        pred, masks = pred[scored], masks[scored]
        check_values(f'clip {sample["clip_id"]}', 'gt_masks', masks, self.num_classes - 1)
        check_values(f'clip {sample["clip_id"]}', 'pred_masks', pred, self.num_classes - 1)
        confusion = functional.confusions(pred, masks, self.num_classes)
        total = confusion[sample['frame_valid'][scored]].sum(0).flatten()
        cells = total.nonzero().flatten()
        return Measured(
            functional.areas_of(confusion), confusion=torch.stack([cells, total[cells]])
        )

    def summarise(self, records: Sequence[ClipRecord]) -> dict[str, float | int]:
        """All numbers of the set; `records` in data set order, none without frames."""
        areas = _joined(records)
        scores = functional.class_scores(areas)
        sums = functional.class_sums(scores)
        present = sums.count > 0
        metrics = {}
        for name, total in (('mIoU', sums.iou), ('F', sums.f)):
            mean = (total / sums.count).nan_to_num(nan=0.0)  # (K,)
            metrics[name] = mean.mean().item()
            metrics[f'{name}_no_bg'] = mean[1:].mean().item()
            metrics[f'{name}_published_no_bg'] = mean[:-1].mean().item()
            metrics[f'{name}_present'] = mean[present].mean().item()
            metrics[f'{name}_present_no_bg'] = _mean(mean[1:][present[1:]])
        metrics['JF'] = (metrics['mIoU'] + metrics['F']) / 2
        return metrics | {
            **self._real(records, scores),
            **self._dataset_means(records, areas),
            'classes_present': int(present.sum()),
            'classes_absent': int((~present).sum()),
            **_sizes(records, areas.target[:, 1:].sum(1) == 0),
        }

    def frame_scores(self, records: Sequence[ClipRecord]) -> tuple[Tensor, Tensor]:
        """IoU and F-measure of each frame, (N,) float32: means of the classes in it."""
        scores = functional.class_scores(_joined(records))
        count = scores.present.sum(1)
        return scores.iou.sum(1) / count, scores.f.sum(1) / count

    def _real(
        self, records: Sequence[ClipRecord], scores: functional.ClassScores
    ) -> dict[str, float]:
        """The headlines without the frames that only fill up clips."""
        real = ~torch.cat([record.padded for record in records])
        sums = functional.class_sums(functional.ClassScores(*(part[real] for part in scores)))
        means = ((total / sums.count).nan_to_num(nan=0.0) for total in (sums.iou, sums.f))
        return dict(zip(('mIoU_real', 'F_real'), (m.mean().item() for m in means), strict=True))

    def _dataset_means(
        self, records: Sequence[ClipRecord], areas: functional.ClassAreas
    ) -> dict[str, float]:
        """Scores of areas summed over the set: mean of the classes that occur, and others."""
        dataset = self._dataset(records, areas)
        occurs = ~np.isnan(dataset['IoU'])
        found = {'aAcc_dataset': float(dataset['aAcc'])}
        for name, key in (('mIoU', 'IoU'), ('F', 'F')):
            values = dataset[key]
            found[f'{name}_dataset'] = float(values[occurs].mean())
            without = values[1:][occurs[1:]]
            found[f'{name}_dataset_no_bg'] = float(without.mean()) if len(without) else 0.0
            found[f'{name}_dataset_all'] = float(values[occurs].sum() / len(values))
        return found | {'JF_dataset': (found['mIoU_dataset'] + found['F_dataset']) / 2}

    def confusion(self, records: Sequence[ClipRecord]) -> Tensor:
        """Confusion matrix of the set: pixels of the frames that exist, (K, K) int64.

        Rows are labelled classes, columns predicted ones.
        """
        total = torch.zeros(self.num_classes**2, dtype=torch.int64)
        for record in records:
            cells, pixels = record.confusion
            total[cells] += pixels
        return total.view(self.num_classes, self.num_classes)

    def class_rows(
        self, records: Sequence[ClipRecord], names: Sequence[str]
    ) -> list[dict[str, str | float | int | None]]:
        """One row for each class and one for each mean; None where a class never occurs."""
        areas = _joined(records)
        sums = functional.class_sums(functional.class_scores(areas))
        dataset = self._dataset(records, areas)['IoU']
        rows = []
        for index, name in enumerate(names):
            count = int(sums.count[index])
            row = {'class': index, 'name': name, 'IoU': None, 'F': None, 'frames': count}
            if count:
                row |= {'IoU': sums.iou[index].item() / count, 'F': sums.f[index].item() / count}
            level = float(dataset[index])
            rows.append(row | {'IoU_dataset': None if np.isnan(level) else level})
        metrics = self.summarise(records)
        for label, suffix in _MEAN_ROWS.items():
            mean = {'class': None, 'name': label, 'frames': metrics['frames']}
            rows.append(mean | {key: metrics[source + suffix] for key, source in _MEANS.items()})
        rows[-1]['IoU_dataset'] = metrics['mIoU_dataset']
        return rows

    def _dataset(
        self, records: Sequence[ClipRecord], areas: functional.ClassAreas
    ) -> dict[str, np.ndarray]:
        real = ~torch.cat([record.padded for record in records])
        sums = [part[real].sum(0) for part in areas]
        return _dataset_level(*sums) | {'F': functional.f_of_areas(*sums).numpy()}


_MEANS = {'IoU': 'mIoU', 'F': 'F'}
_MEAN_ROWS = {
    'mean of all classes, absent ones as 0': '',
    'mean without background': '_no_bg',
    'mean without the last class (published)': '_published_no_bg',
    'mean of the classes present': '_present',
}


def _threshold_of(curve: Tensor) -> float:
    """The threshold at which a curve (255,) is highest; the lowest of equals."""
    return functional.thresholds()[int(curve.argmax())].item()


def _mean(values: Tensor) -> float:
    return values.mean().item() if len(values) else 0.0


def _joined(records: Sequence[ClipRecord]) -> functional.BinaryCounts | functional.ClassAreas:
    """The counts of all frames, one clip after the other."""
    kind = type(records[0].counts)
    return kind(*(torch.cat(parts) for parts in zip(*(r.counts for r in records), strict=True)))


def _batches(sizes: Sequence[int], group: int) -> list[int]:
    """Frames of each batch of `group` clips; the last one may be smaller."""
    return [sum(sizes[start : start + group]) for start in range(0, len(sizes), group)]


def _sizes(records: Sequence[ClipRecord], empty: Tensor) -> dict[str, int]:
    """How much was scored; padded frames are counted on their own."""
    padded = [record.padded for record in records]
    real = [
        part[~pad] for part, pad in zip(empty.split([len(p) for p in padded]), padded, strict=True)
    ]
    return {
        'clips': len(records),
        'clips_empty': sum(bool(part.all()) for part in real if len(part)),
        'frames': sum(len(part) for part in real),
        'frames_empty': sum(int(part.sum()) for part in real),
        'frames_padded': sum(int(pad.sum()) for pad in padded),
    }


def _dataset_level(intersection: Tensor, predicted: Tensor, target: Tensor) -> dict:
    """mmsegmentation's scores of summed areas, NaN for a class in neither mask."""
    intersection, predicted, target = (t.double() for t in (intersection, predicted, target))
    union = predicted + target - intersection
    return IoUMetric.total_area_to_metrics(intersection, union, predicted, target, ['mIoU'])


def _check_shape(sample: dict, name: str, got: tuple, expected: tuple) -> None:
    if got != expected:
        raise ValueError(
            f'clip {sample["clip_id"]}: {name} has shape {got}, expected {expected} to go with '
            f'gt_masks; predictions must come at the size of the masks'
        )
