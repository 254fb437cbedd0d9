"""Scores of video tasks: video object segmentation, actor-action and video semantic segmentation.

Pure functions on frames and videos by data set (`davis`, `youtube_objects`, `moca`, `a2d`,
`class_areas` and `consistency` for VSPW), thin metrics for mmengine's Evaluator on top of them,
csv files as published, and the dense CRF that DAVIS results may be refined by.
"""

from avsbench.evaluation.video.a2d_metric import A2DMetric
from avsbench.evaluation.video.davis_metric import DAVISMetric
from avsbench.evaluation.video.moca_metric import MoCAMetric
from avsbench.evaluation.video.video_metric import VideoMetric
from avsbench.evaluation.video.vspw_metric import VSPWMetric
from avsbench.evaluation.video.youtube_objects_metric import YouTubeObjectsMetric

__all__ = [
    'A2DMetric',
    'DAVISMetric',
    'MoCAMetric',
    'VSPWMetric',
    'VideoMetric',
    'YouTubeObjectsMetric',
]
