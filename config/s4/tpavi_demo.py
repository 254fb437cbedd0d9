# A small TPAVI on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo_affine.py',
    '../_base_/models/tpavi_demo.py',
    '../_base_/schedules/tpavi_demo.py',
]
# Writing a checkpoint takes as long as three iterations.
default_hooks = dict(checkpoint=dict(interval=12))
