# EASE, PVTv2-B5, 224 px; published, from a network trained on S4 (load_from): mIoU / F-score
# 60.8 / 68.7, without that 55.3 / 67.4 (F of each frame at its best threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_ease.py',
    '../_base_/models/ease_pvt2.py',
    '../_base_/schedules/ease_ms3.py',
]
optim_wrapper = dict(paramwise_cfg=dict(layer_decay=1.0, layer_decay_keep_last=6))
param_scheduler = [dict(_base_.warmup, warmup=(100, 150), end=72)]
train_dataloader = dict(batch_size=12)
randomness = dict(seed=0)
