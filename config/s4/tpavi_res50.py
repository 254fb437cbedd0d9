# TPAVI, ResNet-50, 224 px; published: mIoU 72.79, F-score 84.8
_base_ = ['./tpavi_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
