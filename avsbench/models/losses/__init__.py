"""Losses that two or more systems share, and the matching of set criteria."""

from avsbench.models.losses.av_matching import AudioVisualMatchingLoss
from avsbench.models.losses.matching import assign
from avsbench.models.losses.pixel import (
    IGNORE,
    BinaryCrossEntropyLoss,
    ClipDiceLoss,
    CrossEntropyLoss,
    DiceLoss,
    FocalCrossEntropyLoss,
    SigmoidFocalLoss,
    foreground,
    full_precision,
    without_autocast,
)

__all__ = [
    'IGNORE',
    'AudioVisualMatchingLoss',
    'BinaryCrossEntropyLoss',
    'ClipDiceLoss',
    'CrossEntropyLoss',
    'DiceLoss',
    'FocalCrossEntropyLoss',
    'SigmoidFocalLoss',
    'assign',
    'foreground',
    'full_precision',
    'without_autocast',
]
