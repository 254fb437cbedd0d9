# AVSBench S4 as COMBO reads it: with Maskiges, and augmented in training. Geometry is drawn once a
# clip; the published colour jitter anew for every picture, Maskiges included.
_base_ = './s4.py'

short_sides = [112, 134, 156, 179, 201, 224, 246, 268]
short_sides += [291, 313, 336, 358, 380, 403, 425, 448]
train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadMaskiges'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipRandomChoiceResize', short_sides=short_sides, max_long=896),
    dict(type='ClipRandomCrop', size=(224, 224), keep_smaller=True),
    dict(type='ClipPhotoMetricDistortion', per_frame=True, maskiges=True),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipPad', size=(224, 224), value=128, label=255),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadMaskiges'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(
    batch_size=8,
    sampler=dict(type='SeededInfiniteSampler'),
    dataset=dict(pipeline=train_pipeline),
)
# The published numbers are of one clip a batch.
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
