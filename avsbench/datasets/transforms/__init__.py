"""Transforms of clips, and the audio front end."""

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
from avsbench.media.log_mel import log_mel_patches, read_wav
from avsbench.media.log_mel_cache import LogMelCache

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
    'LogMelCache',
    'PackAVSInputs',
    'SampleFrames',
    'log_mel_patches',
    'read_wav',
]
