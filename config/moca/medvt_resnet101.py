# MED-VT, ResNet-101 of config/davis/medvt_resnet101.py, on MoCA; published: mean IoU of boxes 69.5,
# with labels enlarged 7.3 times. It is only tested here.
_base_ = [
    '../_base_/test_runtime.py',
    '../_base_/datasets/moca.py',
    '../_base_/models/medvt_resnet101_avos.py',
]
model = dict(test_cfg=_base_.published_test)
