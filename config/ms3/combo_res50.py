# COMBO, ResNet-50 with Maskiges, 224 px; published: mIoU / F-score 54.5 / 66.6
_base_ = './combo_pvt2.py'
model = dict(
    backbone=dict(
        backbone=dict(
            _delete_=True,
            type='TimmBackbone',
            model_name='resnet50',
            frozen_norm=True,
            weights='pretrained/resnet50-19c8e357.pth',
        ),
    ),
)
