# From scratch on the synthetic benchmark: the demo's recipe, twice as long, with queries that are
# let out of their masks.
_base_ = './demo.py'
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=750)]
train_cfg = dict(max_epochs=30, val_interval=6)
custom_hooks = [dict(type='ProgressHook')]
