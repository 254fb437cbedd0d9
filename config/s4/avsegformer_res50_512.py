# AVSegFormer, ResNet-50, 512 px; published: mIoU 76.38, F-score 86.7 (maximum over thresholds a
# batch of 2 clips)
_base_ = './avsegformer_pvt2_512.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='resnet50',
        weights='pretrained/resnet50-19c8e357.pth',
    ),
)
