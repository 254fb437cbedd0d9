# Own videos at 64 px, as `tools/make_videos.py` writes them.
_base_ = './own.py'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(64, 64)),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(64, 64)),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
