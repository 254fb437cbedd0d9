# AVSegFormer, PVTv2-B5, 512 px; published: mIoU 83.06, F-score 90.5 (maximum over thresholds per
# batch of 2 clips)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_512.py',
    '../_base_/models/avsegformer.py',
    '../_base_/schedules/avsegformer.py',
]
