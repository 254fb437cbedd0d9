# MED-VT, Video Swin-B of config/davis/medvt_swinb.py, on MoCA; published: mean IoU of boxes 78.5.
# It is only tested here. The later release's option of several scales: --scales 0.9 0.95 1 1.05 1.1
_base_ = [
    '../_base_/test_runtime.py',
    '../_base_/datasets/moca.py',
    '../_base_/models/medvt_swinb_avos.py',
]
model = dict(test_cfg=_base_.published_test)
