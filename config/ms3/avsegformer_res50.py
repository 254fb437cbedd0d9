# AVSegFormer, ResNet-50, 224 px; published at 512 px: mIoU 53.81, F-score 65.6 (2 clips
# per batch); this size, older code: 49.53, 62.8
_base_ = ['./avsegformer_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
