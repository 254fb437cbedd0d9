# EASE, DINOv3 ViT-L/16, 384 px; published: mIoU / F-score 56.5 / 61.0
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss_ease_384.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_avss.py',
    '../_base_/backbones/dinov3_vit_l.py',
]
model = dict(
    backbone=dict(_delete_=True, **_base_.dinov3_vit_l),
    decode_head=dict(num_classes=_base_.num_classes),
)
train_dataloader = dict(batch_size=3)  # published: 20 frames
randomness = dict(seed=0)
