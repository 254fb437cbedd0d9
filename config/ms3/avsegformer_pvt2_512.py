# AVSegFormer, PVTv2-B5, 512 px; published: mIoU 61.33, F-score 73.0 (maximum over thresholds a
# batch of 2 clips)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_512.py',
    '../_base_/models/avsegformer.py',
    '../_base_/schedules/avsegformer.py',
]
train_cfg = dict(max_epochs=60)
custom_hooks = [dict(type='FreezeBackboneHook', until_epoch=10)]
