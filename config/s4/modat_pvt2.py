# MoDAT, PVTv2-B5, 224 px; published: mIoU 82.41, F-score 90.3 (maximum over thresholds per batch of
# 2 clips; one random draw of the routing)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4.py',
    '../_base_/models/modat.py',
    '../_base_/schedules/avsegformer.py',
]
