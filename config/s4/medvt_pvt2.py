# MED-VT++, PVTv2-B5, 384 px; published: mIoU 83.22, F-score 90.54 (maximum over thresholds per
# batch of 4 clips)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_384.py',
    '../_base_/models/medvt.py',
    '../_base_/schedules/medvt.py',
]
