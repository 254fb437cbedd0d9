# AVSBench MS3 enlarged to 512 x 512: the size at which the published AVSegFormer trains and tests.
_base_ = ['./ms3.py']

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(512, 512)),
    dict(type='PackAVSInputs'),
]
test_pipeline = train_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
