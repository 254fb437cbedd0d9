# AVSegFormer, ResNet-50, 224 px, as the published code; no result of this size is known, the 26.58
# and 31.5 of its README are probably of avsegformer_res50_512.py.
_base_ = ['./avsegformer_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
