# AVSegFormer, PVTv2-B5, 224 px; published at this size, with an older network and 4 clips per
# batch: mIoU 58.36, F-score 69.3. Those at 512 px, 61.33 and 73.0, are of avsegformer_pvt2_512.py.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3.py',
    '../_base_/models/avsegformer.py',
    '../_base_/schedules/avsegformer_ms3.py',
]
