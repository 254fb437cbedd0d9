# AdamW, the backbone at a tenth of the rate, cosine to zero over 50 epochs. The published code
# steps its schedule before each epoch: epoch e runs at the rate of e + 1 and the last one at 0.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=50, eta_min=0.0, begin=0, end=51)]
train_cfg = dict(by_epoch=True, max_epochs=50, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='StepSchedulersFirstHook')]
