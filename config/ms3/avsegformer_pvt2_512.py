# AVSegFormer, PVTv2-B5, 512 px; published: mIoU 61.33, F-score 73.0 (maximum over thresholds per
# batch of 2 clips)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_512.py',
    '../_base_/models/avsegformer.py',
    '../_base_/schedules/avsegformer_ms3.py',
]
