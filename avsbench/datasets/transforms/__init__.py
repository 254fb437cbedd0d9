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
from avsbench.datasets.transforms.colour import (
    ClipFloatPhotometric,
    ClipPhotoMetricDistortion,
)
from avsbench.datasets.transforms.formatting import PackAVSInputs
from avsbench.datasets.transforms.frame_selection import KeepAnnotatedFrames, SampleFrames
from avsbench.datasets.transforms.load_maskiges import LoadMaskiges
from avsbench.datasets.transforms.load_prior_masks import LoadPriorMasks
from avsbench.datasets.transforms.loading import LoadClip, LoadFrames
from avsbench.datasets.transforms.mask_reader import MASK_CODINGS
from avsbench.datasets.transforms.video_transforms import (
    ClipRandomScale,
    ClipRandomSizedCrop,
    ClipResizeMasks,
    ClipResizeShorter,
)

__all__ = [
    'MASK_CODINGS',
    'ClipFloatPhotometric',
    'ClipPad',
    'ClipPhotoMetricDistortion',
    'ClipRandomAffine',
    'ClipRandomChoiceResize',
    'ClipRandomCrop',
    'ClipRandomFlip',
    'ClipRandomScale',
    'ClipRandomSizedCrop',
    'ClipResize',
    'ClipResizeMasks',
    'ClipResizeShorter',
    'ClipShortSideCrop',
    'KeepAnnotatedFrames',
    'LoadClip',
    'LoadFrames',
    'LoadMaskiges',
    'LoadPriorMasks',
    'PackAVSInputs',
    'SampleFrames',
]
