# VCT's augmentation at 384 pixels, which is COMBO's with sizes in proportion, on AVSS as well.
_base_ = './combo.py'
short_sides = [192, 230, 268, 307, 345, 384, 422, 460]
short_sides += [499, 537, 576, 614, 652, 691, 729, 768]
size = (384, 384)
augment = [
    dict(type='ClipRandomChoiceResize', short_sides=short_sides, max_long=896),
    dict(type='ClipRandomCrop', size=size, keep_smaller=True),
    _base_.jitter,
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipPad', size=size, value=128, label=255),
]
# Published: the network sees 384 pixels, and is compared with masks of 224.
squash = dict(type='ClipResize', size=size, mask_size=(224, 224))
