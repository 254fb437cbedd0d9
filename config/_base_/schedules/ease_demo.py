# From scratch on the synthetic benchmark: the demo's recipe, four times as long, with queries that
# are let out of their masks. A transformer from random numbers learns slowly.
_base_ = './demo.py'
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=1500)]
train_cfg = dict(max_epochs=60, val_interval=12)
custom_hooks = [dict(type='ProgressHook')]
