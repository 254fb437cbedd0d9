# CATR, ResNet-50; published: mIoU 52.8, F-score 65.3 (neither network nor training was)
_base_ = './catr_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
