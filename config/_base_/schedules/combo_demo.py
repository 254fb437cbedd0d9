# From scratch on the synthetic benchmark: the demo's recipe, twice as long.
_base_ = './demo.py'
# The audio term of the queries starts far smaller than their learned term. At the base rate the
# network overfits the images before it uses the audio.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'audio_mlp': dict(lr_mult=5.0)}))
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=750)]
train_cfg = dict(max_epochs=30, val_interval=6)
