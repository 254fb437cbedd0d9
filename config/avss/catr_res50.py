# CATR, ResNet-50; neither network nor training was published, nor is a result known
_base_ = './catr_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
