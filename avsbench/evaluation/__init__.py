from avsbench.evaluation.avs_metric import AVSMetric
from avsbench.evaluation.table import format_table
from avsbench.evaluation.video import (
    A2DMetric,
    DAVISMetric,
    MoCAMetric,
    VideoMetric,
    VSPWMetric,
    YouTubeObjectsMetric,
)

__all__ = [
    'A2DMetric',
    'AVSMetric',
    'DAVISMetric',
    'MoCAMetric',
    'VSPWMetric',
    'VideoMetric',
    'YouTubeObjectsMetric',
    'format_table',
]
