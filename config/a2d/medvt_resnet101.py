# MED-VT, ResNet-101, A2D; published: mean IoU 45.7 (paper 39.5). Starts from ImageNet alone.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/a2d.py',
    '../_base_/models/medvt_resnet101_a2d.py',
    '../_base_/schedules/medvt_a2d.py',
]
