# MED-VT, ResNet-101 of config/davis/medvt_resnet101.py, on YouTube-Objects; published: mean IoU
# 75.2, with labels enlarged 8 times. It is only tested here.
_base_ = [
    '../_base_/test_runtime.py',
    '../_base_/datasets/youtube_objects.py',
    '../_base_/models/medvt_resnet101_avos.py',
]
model = dict(decode_head=dict(predictor=dict(label_scale=8)), test_cfg=_base_.published_test)
