# EASE, DINOv3 ViT-B/16, 224 px; published: mIoU / F-score 45.8 / 50.7
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss_ease.py',
    '../_base_/models/ease.py',
    '../_base_/schedules/ease_avss.py',
]
model = dict(decode_head=dict(num_classes=_base_.num_classes))
train_dataloader = dict(batch_size=10)  # published: 60 frames
randomness = dict(seed=0)
