# AVSegFormer, ResNet-50, 224 px; published: mIoU 26.58, F-score 31.5 (whether at 224 or 512 px
# is not known)
_base_ = './avsegformer_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
