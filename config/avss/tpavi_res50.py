# TPAVI, ResNet-50, 224 px; published: mIoU 20.18, F-score 25.2
_base_ = './tpavi_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
