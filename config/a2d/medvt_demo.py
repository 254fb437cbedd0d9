# A small MED-VT on the A2D-like synthetic videos; no number here is comparable with A2D's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/a2d_demo.py',
    '../_base_/models/medvt_labels_demo.py',
    '../_base_/schedules/medvt_video_demo.py',
]
model = dict(decode_head=dict(num_classes=80))
train_cfg = dict(max_epochs=24, val_interval=8)
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=24)]
