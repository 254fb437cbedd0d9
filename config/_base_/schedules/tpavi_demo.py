# From scratch on the synthetic benchmark: the demo's recipe, 900 iterations instead of 375.
_base_ = './demo.py'
# Audio enters as one number per position, times the mean of the image. At the base rate the network
# overfits the images before it uses the audio.
optim_wrapper = dict(
    optimizer=dict(fused=True),
    paramwise_cfg=dict(custom_keys={'fusions': dict(lr_mult=5.0)}),
)
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=900)]
train_cfg = dict(max_epochs=36, val_interval=12)
