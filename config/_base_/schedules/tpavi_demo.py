# From scratch on the synthetic benchmark: the demo's recipe, 900 iterations instead of 375.
_base_ = './demo.py'
# Sound enters as one number a position, times the mean of the picture. Without a push the network
# knows the training pictures by heart before it listens.
optim_wrapper = dict(
    optimizer=dict(fused=True),
    paramwise_cfg=dict(custom_keys={'fusions': dict(lr_mult=5.0)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=900),
]
train_cfg = dict(max_epochs=36, val_interval=12)
