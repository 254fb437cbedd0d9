# The S4-like part of the synthetic benchmark at 64 px, turned, scaled and sheared for networks
# that else learn the training pictures by heart.
_base_ = './s4_demo.py'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='KeepAnnotatedFrames'),  # one in five; the frames never interact
    dict(type='ClipResize', size=(64, 64)),
    dict(type='ClipRandomAffine', degrees=20, scale=(0.7, 1.3), shear=10),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
