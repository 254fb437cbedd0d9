# EASE's augmentation for a network that sees 384 pixels.
_base_ = './ease.py'
size = (384, 384)
jitter = dict(type='ClipRandomScale', size=size, ratio_range=(0.1, 2.0))
squash = dict(type='ClipResize', size=size, mask_size=(224, 224))
augment = [_base_.annotated, _base_.flip, jitter, squash]
