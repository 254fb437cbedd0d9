"""Metric of VSPW."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from avsbench.evaluation.video import class_areas
from avsbench.evaluation.video.consistency import ConsistencyTracker, Window, mean_consistency
from avsbench.evaluation.video.video_metric import Frames, VideoMetric, map_of, maps_of
from avsbench.registry import METRICS

IGNORED = 255


class FrameScore(NamedTuple):
    """Pixels of a frame's classes, and the consistency of the windows that end before it."""

    areas: class_areas.FrameAreas
    windows: list[Window]


@METRICS.register_module()
class VSPWMetric(VideoMetric):
    """IoU of classes over the set and over videos, and how consistent a video's prediction is.

    Reads `pred_masks` and `gt_masks` (T, H, W), the class of each pixel, with 255 for ignored
    pixels of a target, besides what every `VideoMetric` reads. The consistency is computed from
    one frame to the next: all frames of a video must be annotated and come in order and in one
    process (sampler `VideoSampler`); batches and windows may be of any size.

    The headline is `mIoU`, over the classes that the target has (VSPW's toolkit); `mIoU_union`
    is over all that occur in target or prediction (mmsegmentation). `VC<L>` is the number of
    papers: windows of all videos together, without videos that are not longer than the longest
    window; `VC<L>_all` takes every video.

    Args:
        num_classes: K.
        window_lengths: L, in frames.
        consistency_target: Field of the target that the consistency compares, any values: labels
            mapped to classes, or as they are on disk, in which void and other classes differ.
        prefix: Put before the name of each number, with a slash.
    """

    def __init__(
        self,
        num_classes: int = 124,
        window_lengths: Sequence[int] = (8, 16),
        consistency_target: str = 'gt_masks',
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.num_classes = num_classes
        self.window_lengths = tuple(window_lengths)
        self.consistency_target = consistency_target
        self._tracker = ConsistencyTracker(self.window_lengths)
        self._video: str | None = None

    def measure(self, sample: Mapping[str, Any], index: int) -> FrameScore:
        """Compare the class maps of one frame, and with those of the frames before."""
        pred, target = maps_of(sample, index, self.num_classes - 1, IGNORED)
        areas = class_areas.frame_areas(pred, target, self.num_classes)
        self._follow(sample['video'], int(sample['frame_idx'][index]))
        compared = map_of(sample, self.consistency_target, index, IGNORED)
        return FrameScore(areas, self._tracker.add(pred, compared))

    def evaluate(self, size: int) -> dict[str, float | int]:
        """Gather the frames of all processes and make the numbers; see `VideoMetric`."""
        self._video = None
        return super().evaluate(size)

    def summarise(self, videos: Mapping[str, Frames]) -> dict[str, float | int]:
        """The numbers of a set."""
        each = {
            name: class_areas.summed((frame.areas for frame in video.values()), self.num_classes)
            for name, video in videos.items()
        }
        areas = class_areas.ClassAreas(*(sum(parts) for parts in zip(*each.values(), strict=True)))
        longest = max(self.window_lengths)
        windows = {
            name: [window for frame in video.values() for window in frame.windows]
            for name, video in videos.items()
        }
        every = [window for video in windows.values() for window in video]
        long = [w for name, video in windows.items() if len(videos[name]) > longest for w in video]
        return {
            'mIoU': class_areas.mean_iou(areas),
            'mIoU_union': class_areas.mean_iou_of_union(areas),
            'fwIoU': class_areas.weighted_iou(areas),
            'pixel_accuracy': class_areas.pixel_accuracy(areas),
            'class_accuracy': class_areas.class_accuracy(areas),
            'video_mIoU': _nanmean([class_areas.mean_iou(video) for video in each.values()]),
            'video_fwIoU': _nanmean([class_areas.weighted_iou(video) for video in each.values()]),
            **{f'VC{length}': _mean(long, length) for length in self.window_lengths},
            **{f'VC{length}_all': _mean(every, length) for length in self.window_lengths},
            'windows_undefined': int(np.isnan([window.share for window in every]).sum()),
        }

    def _follow(self, video: str, place: int) -> None:
        """Begin a video with its first frame, and check that its frames come in order."""
        if place == 0:
            self._tracker = ConsistencyTracker(self.window_lengths)
        elif video != self._video or place != self._tracker.frames:
            same = video == self._video
            where = f'follows frame {self._tracker.frames - 1}' if same else 'comes first'
            raise ValueError(
                f'VSPWMetric: frame {place} of video {video} {where}; the consistency needs all '
                f'frames of a video, annotated, in order and in one process: give the loader '
                f"sampler=dict(type='VideoSampler')"
            )
        self._video = video


def _mean(windows: Sequence[Window], length: int) -> float:
    return mean_consistency([window.share for window in windows if window.length == length])


def _nanmean(values: Sequence[float]) -> float:
    """Mean of the values that exist; NaN if none does."""
    return mean_consistency(values)
