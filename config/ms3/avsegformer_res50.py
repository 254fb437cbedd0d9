# AVSegFormer, ResNet-50, 224 px; published at 512 px: mIoU 53.81, F-score 65.6 (2 clips a
# batch); this size, older code: 49.53, 62.8
_base_ = './avsegformer_pvt2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
