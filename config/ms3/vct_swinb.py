# VCT, two Swin-B with Maskiges, 384 px; published: mIoU / F-score 67.6 / 81.4 (F: best
# threshold of each clip)
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/ms3_vct.py',
    '../_base_/models/vct.py',
    '../_base_/schedules/vct_ms3.py',
]
default_hooks = dict(checkpoint=dict(interval=500))
randomness = dict(seed=8434882)
