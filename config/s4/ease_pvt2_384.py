# EASE, PVTv2-B5, 384 px; published: mIoU / F-score 83.0 / 90.9 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_ease_384.py',
    '../_base_/models/ease_pvt2.py',
    '../_base_/schedules/ease_s4.py',
]
model = dict(decode_head=dict(num_queries=49))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay=1.0, layer_decay_keep_last=6))
train_dataloader = dict(batch_size=5)
randomness = dict(seed=0)
