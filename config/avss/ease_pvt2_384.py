# EASE, PVTv2-B5, 384 px; published: mIoU / F-score 46.1 / 50.6
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss_ease_384.py',
    '../_base_/models/ease_pvt2.py',
    '../_base_/schedules/ease_avss.py',
]
model = dict(decode_head=dict(num_classes=_base_.num_classes, num_queries=49))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay=1.0, layer_decay_keep_last=6))
param_scheduler = [dict(_base_.warmup, end=36)]
train_cfg = dict(max_epochs=36)
train_dataloader = dict(batch_size=4)  # published: 25 frames
randomness = dict(seed=0)
