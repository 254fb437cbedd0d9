# A small VCT on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo_affine.py',
    '../_base_/models/vct_demo_s4.py',
    '../_base_/schedules/combo_demo.py',
]
