"""Data sets of audio-visual segmentation, and of video segmentation without sound."""

from avsbench.datasets.avsbench_dataset import AVSBenchDataset
from avsbench.datasets.avss_dataset import AVSSDataset, AVSSWholeFrameDataset
from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.datasets.base_clip_dataset import BaseClipDataset
from avsbench.datasets.folder_dataset import FolderAVSDataset
from avsbench.datasets.ms3_dataset import MS3Dataset
from avsbench.datasets.s4_dataset import S4Dataset
from avsbench.datasets.video import (
    A2DDataset,
    DAVISDataset,
    MoCADataset,
    VideoDataset,
    VSPWDataset,
    YouTubeObjectsDataset,
    YouTubeVOSDataset,
)

__all__ = [
    'A2DDataset',
    'AVSBenchDataset',
    'AVSSDataset',
    'AVSSWholeFrameDataset',
    'BaseAVSDataset',
    'BaseClipDataset',
    'DAVISDataset',
    'FolderAVSDataset',
    'MS3Dataset',
    'MoCADataset',
    'S4Dataset',
    'VSPWDataset',
    'VideoDataset',
    'YouTubeObjectsDataset',
    'YouTubeVOSDataset',
]
