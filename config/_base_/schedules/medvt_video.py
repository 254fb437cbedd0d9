# MED-VT on videos: AdamW, polynomial of power 0.9 to 1e-6 per epoch, 15 epochs, of which the first
# runs at the full rate and the last at 1e-6. Swin's groups as the published code makes them: label
# propagation at 1e-4, everything else, also the transformer, at 1e-5.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-5, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'propagation': dict(lr_mult=10)}),
    clip_grad=dict(max_norm=0.1),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-6, begin=0, end=15)]
train_cfg = dict(by_epoch=True, max_epochs=15, val_interval=1)
val_cfg = dict()
test_cfg = dict()
