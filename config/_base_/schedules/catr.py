# Adam at a constant rate, one group for all parameters, no weight decay, gradients clipped.
# In float32; the settings of MTTR, from which CATR grew, have mixed precision on, without a scaler.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    clip_grad=dict(max_norm=5.0, norm_type=2),
)
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)
val_cfg = dict()
test_cfg = dict()
