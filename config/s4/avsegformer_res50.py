# AVSegFormer, ResNet-50, 224 px; published at 512 px: mIoU 76.38, F-score 86.7 (2 clips
# per batch); this size, older code: 76.45, 85.9
_base_ = ['./avsegformer_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
