# VCT, two Swin-B with Maskiges, 384 px; published: mIoU / F-score 86.2 / 93.4 (F: best
# threshold of each clip)
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/s4_vct.py',
    '../_base_/models/vct_s4.py',
    '../_base_/schedules/vct_s4.py',
]
default_hooks = dict(checkpoint=dict(interval=1000))
randomness = dict(seed=8434882)
