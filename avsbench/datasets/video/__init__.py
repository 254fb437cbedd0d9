"""Data sets of videos without sound: windows of their frames."""

from avsbench.datasets.video.a2d_dataset import A2DDataset
from avsbench.datasets.video.davis_dataset import DAVISDataset
from avsbench.datasets.video.moca_dataset import MoCADataset
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.datasets.video.vspw_dataset import VSPWDataset
from avsbench.datasets.video.youtube_objects_dataset import YouTubeObjectsDataset
from avsbench.datasets.video.youtube_vos_dataset import YouTubeVOSDataset

__all__ = [
    'A2DDataset',
    'DAVISDataset',
    'MoCADataset',
    'VSPWDataset',
    'Video',
    'VideoDataset',
    'YouTubeObjectsDataset',
    'YouTubeVOSDataset',
]
