# AVSegFormer's recipe on MS3: twice as long as on S4.
_base_ = './avsegformer.py'
train_cfg = dict(max_epochs=60)
custom_hooks = [dict(type='FreezeBackboneHook', until_epoch=10)]
