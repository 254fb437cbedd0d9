# EASE, DINOv3 ViT-B/16, 384 px; published: mIoU / F-score 49.8 / 54.1
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss_ease_384.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_avss.py',
]
model = dict(decode_head=dict(num_classes=_base_.num_classes))
train_dataloader = dict(batch_size=6)  # published: 40 frames
randomness = dict(seed=0)
