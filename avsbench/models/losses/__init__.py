"""Losses."""

from avsbench.models.losses.av_matching_loss import AudioVisualMatchingLoss
from avsbench.models.losses.clip_set_criterion import ClipSetCriterion, ClipTargets
from avsbench.models.losses.mask_set_criterion import (
    InterFrameConsistencyLoss,
    MaskSetCriterion,
)
from avsbench.models.losses.pixel_losses import BinaryCrossEntropyLoss, CrossEntropyLoss, DiceLoss

__all__ = [
    'AudioVisualMatchingLoss',
    'BinaryCrossEntropyLoss',
    'ClipSetCriterion',
    'ClipTargets',
    'CrossEntropyLoss',
    'DiceLoss',
    'InterFrameConsistencyLoss',
    'MaskSetCriterion',
]
