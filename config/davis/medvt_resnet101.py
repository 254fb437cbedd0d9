# MED-VT, ResNet-101, DAVIS'16 with YouTube-VOS 2019; published: mean IoU 83.0, with CRF 83.7.
# It is validated without mirrored pass and trained with labels enlarged 7.3 times, as published.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/davis_resnet.py',
    '../_base_/models/medvt_resnet101_avos.py',
    '../_base_/schedules/medvt_video_resnet.py',
]
model = dict(
    # For the published test also: --cfg-options model.decode_head.predictor.label_scale=7.2
    test_cfg=dict(scales=[0.75, 0.8, 0.9, 1, 1.1, 1.15], flip=True),
)
