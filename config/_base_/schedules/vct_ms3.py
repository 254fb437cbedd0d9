# VCT's recipe on MS3: as on S4, but shorter, and validated more often.
_base_ = './vct_s4.py'
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=40001, by_epoch=False),
]
train_cfg = dict(max_iters=40000, val_interval=500)
