# From scratch on the synthetic videos: warm-up over 50 iterations, then down to zero. A config says
# after how many epochs.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4, fused=True),
    clip_grad=dict(max_norm=1.0),
)
warmup = dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50)
decay = dict(type='CosineAnnealingLR', eta_min=0, begin=0, convert_to_iter_based=True)
train_cfg = dict(by_epoch=True, val_interval=2)
val_cfg = dict()
test_cfg = dict()
