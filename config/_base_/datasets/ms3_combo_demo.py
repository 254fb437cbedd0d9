# The MS3-like part of the synthetic benchmark at 64 px with Maskiges. To make them:
# python tools/prepare_maskiges.py ms3 --data-root data/synthetic/Multi-sources --source superpixels
_base_ = './ms3_demo.py'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadMaskiges'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='SampleFrames', num_frames=1),  # 16 scenes a batch
    dict(type='ClipResize', size=(64, 64)),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadMaskiges'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(64, 64)),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
