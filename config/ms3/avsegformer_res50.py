# AVSegFormer, ResNet-50, 224 px; published at this size, with an older network and 4 clips per
# batch: mIoU 49.53, F-score 62.8. Those at 512 px, 53.81 and 65.6, are of avsegformer_res50_512.py.
_base_ = ['./avsegformer_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
