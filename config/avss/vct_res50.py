# VCT, two ResNet-50 with Maskiges, 224 px; published: mIoU / F-score 37.5 / 42.2 (an ablation of
# the paper, without a config)
_base_ = ['./vct_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(backbone=dict(_delete_=True, **_base_.resnet50, frozen_norm=True)))
