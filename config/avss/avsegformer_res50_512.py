# AVSegFormer, ResNet-50, 512 px: our own reading, as avsegformer_pvt2_512.py. The results of the
# published README, mIoU 26.58, F-score 31.5, are probably of this size.
_base_ = ['./avsegformer_pvt2_512.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
