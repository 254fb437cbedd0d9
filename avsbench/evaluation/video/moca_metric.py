"""Metric of MoCA."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from avsbench.evaluation.video import moca, result_files
from avsbench.evaluation.video.video_metric import Frames, VideoMetric, map_of
from avsbench.registry import METRICS


@METRICS.register_module()
class MoCAMetric(VideoMetric):
    """Mean IoU of boxes over videos, and success rates over frames, together and by motion.

    Besides what every `VideoMetric` reads:

    * `pred_masks` (T, H, W): 0 and 1, at the size that the network was given,
    * `gt_boxes` (T, 4): x, y, width, height in pixels of the frame on disk; read where `gt_valid`,
    * `motions` (T ints): place of the frame's motion in `moca.MOTIONS`,
    * `ori_shape` (H, W): size of the video's frames on disk.

    The headline is `mIoU`. Numbers of a motion that no frame has are -1.

    Args:
        result_file: Csv file with a row for each video; `MoCA_results.csv` in the published code.
        prefix: Put before the name of each number, with a slash.
    """

    def measure(self, sample: Mapping[str, Any], index: int) -> moca.FrameScore:
        """Compare the box of one frame's mask with the annotated one."""
        mask = map_of(sample, 'pred_masks', index, 1) * np.uint8(255)
        box = [float(value) for value in sample['gt_boxes'][index]]
        motion = int(sample['motions'][index])
        if not 0 <= motion < len(moca.MOTIONS):
            raise ValueError(f'video {sample["video"]}: motion {motion}, expected 0, 1 or 2')
        return moca.FrameScore(moca.frame_iou(mask, box, tuple(sample['ori_shape'])), motion)

    def summarise(self, videos: Mapping[str, Frames]) -> dict[str, float | int]:
        """The numbers of a set."""
        frames = {name: list(video.values()) for name, video in videos.items()}
        scores = moca.motion_scores([frame for video in frames.values() for frame in video])
        numbers: dict[str, float | int] = {'mIoU': moca.mean_iou(frames)}
        for motion in ('all', *moca.MOTIONS):
            suffix = '' if motion == 'all' else f'_{motion}'
            if suffix:
                numbers[f'IoU{suffix}'] = scores[motion].iou
            rates = moca.success_rates(scores[motion])
            numbers |= {f'success_{limit}{suffix}': rate for limit, rate in rates.items()}
        return numbers | {f'frames_{motion}': scores[motion].frames for motion in moca.MOTIONS}

    def results_text(self, videos: Mapping[str, Frames]) -> str:
        """A row for each video."""
        return result_files.moca(
            {name: moca.motion_scores(list(frames.values())) for name, frames in videos.items()}
        )
