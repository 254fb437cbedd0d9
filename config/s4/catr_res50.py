# CATR, ResNet-50; published: mIoU 74.8, F-score 86.6. Its network was not published: this one
# differs from the PVTv2 one in nothing but the backbone.
_base_ = './catr_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
