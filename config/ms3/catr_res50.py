# CATR, ResNet-50; published: mIoU 52.8, F-score 65.3 (neither network nor training was)
_base_ = ['./catr_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
