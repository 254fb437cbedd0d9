# From scratch on the synthetic benchmark: 375 iterations, warm-up over 50, then down to zero.
warmup = dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50)
decay = dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = [warmup, dict(**decay, end=375)]
train_cfg = dict(by_epoch=True, max_epochs=15, val_interval=5)
val_cfg = dict()
test_cfg = dict()
