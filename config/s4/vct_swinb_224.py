# VCT, two Swin-B with Maskiges, 224 px; published: mIoU 84.7. The
# paper has this result, the repository no config: what is not said here is as at 384 pixels.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/s4_combo.py',
    '../_base_/models/vct_s4.py',
    '../_base_/schedules/vct_s4.py',
    '../_base_/backbones/swin_b_224.py',
]
model = dict(
    backbone=dict(backbone=dict(backbone=dict(_delete_=True, **_base_.swin_b_224))),
    decode_head=dict(image_size=(224, 224)),
)
train_dataloader = dict(batch_size=2)
default_hooks = dict(checkpoint=dict(interval=1000))
randomness = dict(seed=8434882)
