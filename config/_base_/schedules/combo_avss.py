# COMBO's recipe on AVSS: as on S4, in mixed precision.
_base_ = './combo_s4.py'
optim_wrapper = dict(type='DeviceAmpOptimWrapper')
