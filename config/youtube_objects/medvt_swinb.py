# MED-VT, Video Swin-B of config/davis/medvt_swinb.py, on YouTube-Objects; published: mean IoU 79.3
# (CVPR release 79.1). It is only tested here.
_base_ = [
    '../_base_/test_runtime.py',
    '../_base_/datasets/youtube_objects.py',
    '../_base_/models/medvt_swinb_avos.py',
]
model = dict(test_cfg=_base_.published_test)
