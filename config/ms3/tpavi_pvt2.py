# TPAVI, PVTv2-B5, 224 px; published: mIoU 54.00, F-score 64.5 (from ImageNet weights, as here).
# The published code also starts from S4 weights on request:
# --any-subset --cfg-options load_from=work_dir/s4/tpavi_pvt2/best_mIoU.pth
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3.py',
    '../_base_/models/tpavi.py',
    '../_base_/schedules/tpavi.py',
]
# A sum over frames: the weight belongs to 4 clips of 5 frames per step on one device.
loss_match = dict(type='AudioVisualMatchingLoss', distance='kl', reduction='sum', loss_weight=0.5)
model = dict(decode_head=dict(loss_match=dict(_delete_=True, **loss_match)))
train_dataloader = dict(batch_size=4)
train_cfg = dict(max_epochs=30)
