# AdamW at a constant rate, no warm-up, no clipping; the backbone is frozen for the first epochs.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
)
train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='FreezeBackboneHook', until_epoch=5)]
