# COMBO, ResNet-50 with Maskiges, 224 px; published: mIoU / F-score 33.3 / 37.3
_base_ = ['./combo_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(backbone=dict(_delete_=True, **_base_.resnet50, frozen_norm=True)))
