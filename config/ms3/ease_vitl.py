# EASE, DINOv3 ViT-L/16, 224 px; published: mIoU / F-score 65.0 / 71.1 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_ease.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_ms3.py',
    '../_base_/backbones/dinov3_vit_l.py',
]
model = dict(backbone=dict(_delete_=True, **_base_.dinov3_vit_l))
train_dataloader = dict(batch_size=6)
randomness = dict(seed=0)
