# EASE, DINOv3 ViT-B/16, 384 px; published: mIoU / F-score 62.9 / 73.6 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_ease_384.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_ms3.py',
]
train_dataloader = dict(batch_size=8)
randomness = dict(seed=0)
