# A small AVSegFormer on the synthetic videos of docs/own_data.md: minutes on a CPU.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/own_demo.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo.py',
]
# Down to zero at the end, however many videos there are.
decay = dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=15)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(**decay, by_epoch=True, convert_to_iter_based=True),
]
