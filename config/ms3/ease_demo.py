# A small EASE on the MS3-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_demo_affine.py',
    '../_base_/models/ease_demo.py',
    '../_base_/schedules/ease_demo.py',
]
# One frame per clip and epoch: 19 iterations per epoch, 760 in all.
train_cfg = dict(max_epochs=40, val_interval=40)
default_hooks = dict(checkpoint=dict(interval=10))
