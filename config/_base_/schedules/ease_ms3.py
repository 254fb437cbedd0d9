# EASE's recipe on MS3: as on S4, at half the rate, longer, and with a shorter warm-up.
_base_ = './ease_s4.py'
(warmup,) = _base_.param_scheduler
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [dict(warmup, warmup=(50, 100), end=72)]
train_cfg = dict(max_epochs=72)
