# VCT, two PVTv2-B5 with Maskiges, 224 px; published: mIoU / F-score 44.7 / 49.5. The
# paper has this result, the repository no config: what is not said here is as at 384 pixels.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/avss_vct_224.py',
    '../_base_/models/vct_avss.py',
    '../_base_/schedules/vct_avss.py',
]
model = dict(
    backbone=dict(backbone=dict(_delete_=True, **_base_.pvt_v2_b5)),
    decode_head=dict(image_size=(224, 224)),
)
default_hooks = dict(checkpoint=dict(interval=2500))
randomness = dict(seed=8434882)
