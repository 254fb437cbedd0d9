# EASE's recipe on AVSS: as on S4, but shorter.
_base_ = './ease_s4.py'
(warmup,) = _base_.param_scheduler
param_scheduler = [dict(warmup, end=22)]
train_cfg = dict(max_epochs=22)
