# A small AVSegFormer at 64 px for the synthetic videos of docs/own_data.md: minutes on a CPU.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/own.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo.py',
]
train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(64, 64)),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
test_pipeline = [*train_pipeline[:4], train_pipeline[5]]
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
