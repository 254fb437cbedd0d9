# EASE, DINOv3 ViT-B/16, 224 px; published: mIoU / F-score 61.4 / 70.2 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_ease.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_ms3.py',
]
train_dataloader = dict(batch_size=12)
randomness = dict(seed=0)
