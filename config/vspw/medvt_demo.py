# A small MED-VT on the VSPW-like synthetic videos; no number here is comparable with VSPW's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/vspw_demo.py',
    '../_base_/models/medvt_labels_demo.py',
    '../_base_/schedules/medvt_video_demo.py',
]
model = dict(decode_head=dict(num_classes=124))
train_cfg = dict(max_epochs=7, val_interval=7)
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=7)]
