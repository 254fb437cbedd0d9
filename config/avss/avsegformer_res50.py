# AVSegFormer, ResNet-50, 224 px; published: mIoU 26.58, F-score 31.5 (whether at 224 or 512 px
# is not known)
_base_ = ['./avsegformer_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
