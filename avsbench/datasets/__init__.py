"""Data sets of audio-visual segmentation."""

from avsbench.datasets.avsbench_dataset import AVSBenchDataset
from avsbench.datasets.avss_dataset import AVSSDataset
from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.datasets.base_clip_dataset import BaseClipDataset
from avsbench.datasets.folder_dataset import FolderAVSDataset
from avsbench.datasets.ms3_dataset import MS3Dataset
from avsbench.datasets.s4_dataset import S4Dataset

__all__ = [
    'AVSBenchDataset',
    'AVSSDataset',
    'BaseAVSDataset',
    'BaseClipDataset',
    'FolderAVSDataset',
    'MS3Dataset',
    'S4Dataset',
]
