# A small AVSegFormer on the MS3-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_demo.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo.py',
]
# All five frames are annotated: 75 iterations an epoch, 525 in all.
train_cfg = dict(max_epochs=7, val_interval=7)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=525),
]
