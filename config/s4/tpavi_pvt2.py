# TPAVI, PVTv2-B5, 224 px; published: mIoU 78.74, F-score 87.9
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4.py',
    '../_base_/models/tpavi.py',
    '../_base_/schedules/tpavi.py',
]
train_dataloader = dict(batch_size=4)
# The published code also has a matching loss for this subset, which its command leaves off:
# loss_match=dict(type='AudioVisualMatchingLoss', distance='cosine', pooled='probability',
#                 threshold=True)
