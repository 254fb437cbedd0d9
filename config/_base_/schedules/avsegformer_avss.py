# AVSegFormer's recipe on AVSS: as on S4, but the backbone is never frozen. The published
# code validates after epochs 11, 13, ..., 29. Here 12, 14, ..., 30, so that the last one counts.
_base_ = './avsegformer.py'
train_cfg = dict(val_begin=11, val_interval=2)
custom_hooks = []
