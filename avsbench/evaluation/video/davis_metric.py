"""Metric of DAVIS'16."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from avsbench.evaluation.video import davis, result_files
from avsbench.evaluation.video.masks import mask_iou
from avsbench.evaluation.video.video_metric import Frames, VideoMetric, maps_of
from avsbench.registry import METRICS


class FrameScore(NamedTuple):
    """IoU of the masks and F-measure of their boundaries."""

    iou: float
    f: float


def frame_score(pred: np.ndarray, target: np.ndarray) -> FrameScore:
    """Compare two masks (H, W) bool."""
    return FrameScore(float(mask_iou(pred, target)), davis.boundary_f(pred, target))


@METRICS.register_module()
class DAVISMetric(VideoMetric):
    """MED-VT's mean IoU, and the official J and F with recall and decay.

    Reads `pred_masks` and `gt_masks` (T, H, W), 0 and 1, at the size of the annotations, besides
    what every `VideoMetric` reads. The headline is `mIoU`, MED-VT's number, which counts all
    frames; the official numbers leave out the first and the last frame of each video. Videos of
    one or two frames have no official numbers and are left out of their means.

    Args:
        result_file: Csv file of each video's mean IoU; `davis_results.csv` in the published code.
        prefix: Put before the name of each number, with a slash.
    """

    def measure(self, sample: Mapping[str, Any], index: int) -> FrameScore:
        """Compare the masks of one frame."""
        return frame_score(*(mask.view(bool) for mask in maps_of(sample, index, 1)))

    def summarise(self, videos: Mapping[str, Frames]) -> dict[str, float | int]:
        """The numbers of a set."""
        official = [
            [
                davis.video_statistics([getattr(frame, part) for frame in frames.values()][1:-1])
                for part in ('iou', 'f')
            ]
            for frames in videos.values()
            if len(frames) > 2
        ]
        numbers = {'mIoU': result_files.mean_of(_video_means(videos))}
        for part, name in enumerate('JF'):
            for field in davis.VideoStatistics._fields:
                values = [getattr(video[part], field) for video in official]
                numbers[f'{name}_{field}'] = float(np.mean(values)) if values else float('nan')
        return numbers | {'videos_too_short': len(videos) - len(official)}

    def results_text(self, videos: Mapping[str, Frames]) -> str:
        """A column for each video, and their mean."""
        return result_files.davis(_video_means(videos))


def _video_means(videos: Mapping[str, Frames]) -> dict[str, float]:
    return {
        name: float(np.mean([frame.iou for frame in frames.values()]))
        for name, frames in videos.items()
    }
