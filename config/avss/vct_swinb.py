# VCT, two Swin-B with Maskiges, 384 px; published: mIoU / F-score 52.5 / 56.9 by the
# README of its repository, 51.2 / 55.5 by the paper
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/avss_vct.py',
    '../_base_/models/vct_avss.py',
    '../_base_/schedules/vct_avss.py',
]
default_hooks = dict(checkpoint=dict(interval=2500))
randomness = dict(seed=8434882)
