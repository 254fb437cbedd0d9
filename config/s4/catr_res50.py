# CATR, ResNet-50; published: mIoU 74.8, F-score 86.6. Its network was not published: this one
# differs from the PVTv2 one in the backbone only. If the epoch was chosen on the test split here as
# well: --cfg-options val_dataloader.dataset.split=test
_base_ = ['./catr_pvt2.py', '../_base_/backbones/resnet50.py']
model = dict(backbone=dict(_delete_=True, **_base_.resnet50))
