# EASE, DINOv3 ViT-L/16, 384 px; published: mIoU / F-score 87.7 / 94.1 (F of each frame at its best
# threshold)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_ease_384.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_s4.py',
    '../_base_/backbones/dinov3_vit_l.py',
]
model = dict(backbone=dict(_delete_=True, **_base_.dinov3_vit_l))
train_dataloader = dict(batch_size=4)
randomness = dict(seed=0)
