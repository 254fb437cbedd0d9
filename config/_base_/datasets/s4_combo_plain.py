# AVSBench S4 with COMBO's augmentations, without Maskiges.
_base_ = './s4_combo.py'

short_sides = [112, 134, 156, 179, 201, 224, 246, 268]
short_sides += [291, 313, 336, 358, 380, 403, 425, 448]
train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipRandomChoiceResize', short_sides=short_sides, max_long=896),
    dict(type='ClipRandomCrop', size=(224, 224), keep_smaller=True),
    dict(type='ClipPhotoMetricDistortion', per_frame=True),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipPad', size=(224, 224), value=128, label=255),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
