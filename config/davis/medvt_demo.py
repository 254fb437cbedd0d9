# A small MED-VT on the DAVIS-like synthetic videos; no number here is comparable with DAVIS'16's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/davis_demo.py',
    '../_base_/models/medvt_video_demo.py',
    '../_base_/schedules/medvt_video_demo.py',
]
train_cfg = dict(max_epochs=4)
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=4)]
