"""Transforms of clips."""

from avsbench.datasets.transforms.clip_transforms import (
    ClipPad,
    ClipRandomAffine,
    ClipRandomChoiceResize,
    ClipRandomCrop,
    ClipRandomFlip,
    ClipResize,
    ClipShortSideCrop,
)
from avsbench.datasets.transforms.colour import ClipPhotoMetricDistortion
from avsbench.datasets.transforms.formatting import PackAVSInputs
from avsbench.datasets.transforms.frame_selection import KeepAnnotatedFrames, SampleFrames
from avsbench.datasets.transforms.loading import LoadClip, LoadMaskiges

__all__ = [
    'ClipPad',
    'ClipPhotoMetricDistortion',
    'ClipRandomAffine',
    'ClipRandomChoiceResize',
    'ClipRandomCrop',
    'ClipRandomFlip',
    'ClipResize',
    'ClipShortSideCrop',
    'KeepAnnotatedFrames',
    'LoadClip',
    'LoadMaskiges',
    'PackAVSInputs',
    'SampleFrames',
]
