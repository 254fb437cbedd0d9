# A small AVSegFormer on the synthetic videos of docs/custom_data.md: minutes on a CPU.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/custom_demo.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo.py',
]
# The rate reaches zero at the end, however many videos there are.
decay = dict(_base_.decay, by_epoch=True, end=15, convert_to_iter_based=True)
param_scheduler = [_base_.warmup, decay]
