"""Losses."""

from avsbench.models.losses.pixel_losses import BinaryCrossEntropyLoss, CrossEntropyLoss, DiceLoss

__all__ = ['BinaryCrossEntropyLoss', 'CrossEntropyLoss', 'DiceLoss']
