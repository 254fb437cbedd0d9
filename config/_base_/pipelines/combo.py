# COMBO's augmentation of S4 and MS3. Geometry is drawn once per clip; the published colour jitter
# anew for every image, Maskiges included.
short_sides = [112, 134, 156, 179, 201, 224, 246, 268]
short_sides += [291, 313, 336, 358, 380, 403, 425, 448]
scale_and_crop = [
    dict(type='ClipRandomChoiceResize', short_sides=short_sides, max_long=896),
    dict(type='ClipRandomCrop', size=(224, 224), keep_smaller=True),
]
jitter = dict(type='ClipPhotoMetricDistortion', per_frame=True, maskiges=True)
flip_and_pad = [
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipPad', size=(224, 224), value=128, label=255),
]
augment = [*scale_and_crop, jitter, *flip_and_pad]
maskiges = dict(type='LoadMaskiges')
endless = dict(batch_size=8, sampler=dict(type='SeededInfiniteSampler'))
