# AVSBench-semantic for CATR, whose authors published no such data set: the augmentations of S4, and
# clips of 5 and of 10 frames, not padded.
_base_ = './avss.py'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir={{_base_.log_mel_cache}}),
    dict(type='LoadMasks'),
    dict(type='ClipShortSideCrop', size=224),
    dict(type='ClipRandomAffine', degrees=20, scale=(0.5, 1.0), shear=10),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=1)
test_dataloader = dict(batch_size=1)
val_evaluator = dict(count_padded=False)
test_evaluator = val_evaluator
