# EASE, DINOv3 ViT-B/16, 224 px; published: mIoU / F-score 83.5 / 92.0 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_ease.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_s4.py',
]
train_dataloader = dict(batch_size=12)
randomness = dict(seed=0)
