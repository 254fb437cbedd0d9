# AVSegFormer, ResNet-50, 512 px; published: mIoU 76.38, F-score 86.7 (maximum over thresholds per
# batch of 2 clips)
_base_ = ['./avsegformer_pvt2_512.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
