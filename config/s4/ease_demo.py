# A small EASE on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo_affine.py',
    '../_base_/models/ease_demo.py',
    '../_base_/schedules/ease_demo.py',
]
