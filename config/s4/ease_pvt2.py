# EASE, PVTv2-B5, 224 px; published: mIoU / F-score 80.4 / 89.7 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_ease.py',
    '../_base_/models/ease_pvt2.py',
    '../_base_/schedules/ease_s4.py',
]
optim_wrapper = dict(paramwise_cfg=dict(layer_decay=1.0, layer_decay_keep_last=6))
train_dataloader = dict(batch_size=12)
randomness = dict(seed=0)
