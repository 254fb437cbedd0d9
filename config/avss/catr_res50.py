# CATR, ResNet-50; neither network nor training was published, nor is a result known
_base_ = ['./catr_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
