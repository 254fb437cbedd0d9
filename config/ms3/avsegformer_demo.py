# A small AVSegFormer on the MS3-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/datasets/ms3_demo.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo_ms3.py',
]
