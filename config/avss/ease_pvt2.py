# EASE, PVTv2-B5, 224 px; published: mIoU / F-score 42.3 / 47.6
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss_ease.py',
    '../_base_/models/ease_pvt2.py',
    '../_base_/schedules/ease_avss.py',
]
model = dict(decode_head=dict(num_classes=_base_.num_classes))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay=1.0, layer_decay_keep_last=6))
param_scheduler = [dict(_base_.warmup, end=36)]
train_cfg = dict(max_epochs=36)
train_dataloader = dict(batch_size=10)  # published: 60 frames
randomness = dict(seed=0)
