# AVSBench S4 enlarged to 512 x 512: the size at which the published AVSegFormer trains and tests.
_base_ = './s4.py'
pipeline = [_base_.load, dict(type='ClipResize', size=(512, 512)), _base_.pack]
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(pipeline=pipeline))
