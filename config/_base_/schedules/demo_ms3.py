# The demo's recipe on MS3, and the runtime that goes with it. Training sees one frame per clip and
# epoch: 19 iterations per epoch, 513 in all.
_base_ = ['../default_runtime.py', './demo.py']
train_cfg = dict(max_epochs=27, val_interval=27)
default_hooks = dict(checkpoint=dict(interval=9))
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=513)]
