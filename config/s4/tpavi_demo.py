# A small TPAVI on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo_affine.py',
    '../_base_/models/tpavi_demo.py',
    '../_base_/schedules/tpavi_demo.py',
]
train_cfg = dict(max_epochs=36, val_interval=12)
default_hooks = dict(checkpoint=dict(interval=12))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=900),
]
