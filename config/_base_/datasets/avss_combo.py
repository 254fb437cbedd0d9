# AVSBench-semantic as COMBO reads it: with Maskiges, which are pictures of the frames as they are
# cut to 224 x 224; colour jitter and flips in training; clips of 5 and of 10 frames, not padded.
_base_ = './avss.py'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir={{_base_.log_mel_cache}}),
    dict(type='LoadMasks'),
    dict(type='ClipShortSideCrop', size=224),
    dict(type='LoadMaskiges', size=(224, 224)),
    dict(type='ClipPhotoMetricDistortion', per_frame=True, maskiges=True),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir={{_base_.log_mel_cache}}),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='LoadMaskiges', size=(224, 224)),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(
    batch_size=8,
    sampler=dict(type='SeededInfiniteSampler'),
    dataset=dict(pipeline=train_pipeline),
)
# The published numbers are of one clip a batch, and of the frames that exist.
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(count_padded=False)
test_evaluator = val_evaluator
