"""Metric of A2D."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from avsbench.evaluation.video import a2d, class_areas
from avsbench.evaluation.video.video_metric import Frames, VideoMetric, maps_of
from avsbench.registry import METRICS


class FrameScore(NamedTuple):
    """MED-VT's value of a frame, and the pixels of its classes."""

    value: float
    areas: class_areas.FrameAreas


@METRICS.register_module()
class A2DMetric(VideoMetric):
    """MED-VT's metric of actor-action segmentation, and what others report on A2D.

    Reads `pred_masks` and `gt_masks` (T, H, W), the class of each pixel, at the size of the
    annotations, besides what every `VideoMetric` reads. The headline is `mIoU`, MED-VT's number;
    `mIoU_last_frame` is that of its branch `medvt`. Names with `_dataset` are of pixels summed over
    the set.

    Args:
        num_classes: K, background included.
        skip_empty: Leave frames without foreground in label and prediction out of MED-VT's means.
            False is the published rule: one such frame makes them NaN.
        prefix: Put before the name of each number, with a slash.
    """

    def __init__(
        self, num_classes: int = 80, skip_empty: bool = True, prefix: str | None = None
    ) -> None:
        super().__init__(prefix=prefix)
        self.num_classes = num_classes
        self.skip_empty = skip_empty

    def measure(self, sample: Mapping[str, Any], index: int) -> FrameScore:
        """Compare the class maps of one frame."""
        pred, label = maps_of(sample, index, self.num_classes - 1)
        areas = class_areas.frame_areas(pred, label, self.num_classes)
        return FrameScore(a2d.frame_value(pred, label), areas)

    def summarise(self, videos: Mapping[str, Frames]) -> dict[str, float | int]:
        """The numbers of a set."""
        values = {name: [frame.value for frame in video.values()] for name, video in videos.items()}
        means = a2d.mean_scores(values, self.skip_empty)
        frames = [frame for video in videos.values() for frame in video.values()]
        areas = class_areas.summed((frame.areas for frame in frames), self.num_classes)
        return {
            'mIoU': means.mean,
            'mIoU_last_frame': means.last_frame,
            'mIoU_dataset': class_areas.mean_iou(areas),
            'class_accuracy_dataset': class_areas.class_accuracy(areas),
            'pixel_accuracy_dataset': class_areas.pixel_accuracy(areas),
            'frames_without_foreground': int(np.isnan([frame.value for frame in frames]).sum()),
        }
