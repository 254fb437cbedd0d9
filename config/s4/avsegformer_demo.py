# A small AVSegFormer on the S4-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/s4_demo.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo.py',
]
