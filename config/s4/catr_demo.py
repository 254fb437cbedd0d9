# A small CATR on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo.py',
    '../_base_/models/catr_demo.py',
    '../_base_/schedules/demo.py',
]
# 24 epochs, 600 iterations: the queries learn one after the other.
train_cfg = dict(max_epochs=24, val_interval=8)
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=600)]
