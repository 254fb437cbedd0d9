# MoDAT, PVTv2-B5, 224 px; published: mIoU 61.50, F-score 72.0 (maximum over thresholds per batch of
# 2 clips; one random draw of the routing)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3.py',
    '../_base_/models/modat.py',
    '../_base_/schedules/avsegformer_ms3.py',
]
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = [dict(type='StepLR', step_size=35, gamma=0.67)]
