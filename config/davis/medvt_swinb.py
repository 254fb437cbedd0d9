# MED-VT, Video Swin-B, DAVIS'16 with YouTube-VOS 2019; published: mean IoU 85.9, with CRF 86.6
# (CVPR release 85.9, 86.5, whose forward pass is models/medvt_swinb_avos_cvpr2023.py).
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/davis.py',
    '../_base_/models/medvt_swinb_avos.py',
    '../_base_/schedules/medvt_video.py',
]
model = dict(
    val_cfg=dict(flip=True),
    test_cfg=dict(scales=[0.75, 0.8, 0.9, 1, 1.1, 1.2, 1.3], flip=True),
)
