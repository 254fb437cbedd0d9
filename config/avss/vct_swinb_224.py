# VCT, two Swin-B with Maskiges, 224 px; published: mIoU / F-score 47.9 / 52.9. The
# paper has this result, the repository no config: what is not said here is as at 384 pixels.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/avss_vct_224.py',
    '../_base_/models/vct_avss.py',
    '../_base_/schedules/vct_avss.py',
    '../_base_/backbones/swin_b_224.py',
]
model = dict(
    backbone=dict(backbone=dict(backbone=dict(_delete_=True, **_base_.swin_b_224))),
    decode_head=dict(image_size=(224, 224)),
)
default_hooks = dict(checkpoint=dict(interval=2500))
randomness = dict(seed=8434882)
