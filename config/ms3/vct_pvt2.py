# VCT, two PVTv2-B5 with Maskiges, 224 px; published: mIoU 62.0. The
# paper has this result, the repository no config: what is not said here is as at 384 pixels.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/ms3_combo.py',
    '../_base_/models/vct.py',
    '../_base_/schedules/vct_ms3.py',
]
model = dict(
    backbone=dict(backbone=dict(_delete_=True, **_base_.pvt_v2_b5)),
    decode_head=dict(image_size=(224, 224)),
)
train_dataloader = dict(batch_size=2)
default_hooks = dict(checkpoint=dict(interval=500))
randomness = dict(seed=8434882)
