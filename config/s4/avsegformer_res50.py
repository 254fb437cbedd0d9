# AVSegFormer, ResNet-50, 224 px; published at 512 px: mIoU 76.38, F-score 86.7 (2 clips a
# batch); this size, older code: 76.45, 85.9
_base_ = './avsegformer_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
