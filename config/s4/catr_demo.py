# A small CATR on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo.py',
    '../_base_/models/catr_demo.py',
    '../_base_/schedules/demo.py',
]
# 24 epochs, 600 iterations: one query of several learns at a time.
train_cfg = dict(max_epochs=24, val_interval=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=600),
]
