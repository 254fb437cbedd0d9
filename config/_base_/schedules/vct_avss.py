# VCT's recipe on AVSS: as on S4, in mixed precision, and validated less often.
_base_ = './vct_s4.py'
optim_wrapper = dict(type='DeviceAmpOptimWrapper')
train_cfg = dict(val_interval=2500)
