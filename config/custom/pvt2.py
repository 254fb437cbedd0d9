# AVSegFormer, PVTv2-B5, on custom videos; --cfg-options load_from=CHECKPOINT starts from S4 or MS3.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/custom.py',
    '../_base_/models/avsegformer.py',
    '../_base_/schedules/avsegformer.py',
]
