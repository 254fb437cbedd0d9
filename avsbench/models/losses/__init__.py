"""Losses that two or more systems share, and the matching of set criteria."""

from avsbench.models.losses.av_matching import AudioVisualMatchingLoss
from avsbench.models.losses.matching import assign
from avsbench.models.losses.pixel import (
    BinaryCrossEntropyLoss,
    ClipDiceLoss,
    CrossEntropyLoss,
    DiceLoss,
    FocalCrossEntropyLoss,
    SigmoidFocalLoss,
    full_precision,
)

__all__ = [
    'AudioVisualMatchingLoss',
    'BinaryCrossEntropyLoss',
    'ClipDiceLoss',
    'CrossEntropyLoss',
    'DiceLoss',
    'FocalCrossEntropyLoss',
    'SigmoidFocalLoss',
    'assign',
    'full_precision',
]
