# AVSBench S4 enlarged to 384 x 384: the size at which the published MED-VT++ trains and tests.
_base_ = './s4.py'
pipeline = [_base_.load, dict(type='ClipResize', size=(384, 384)), _base_.pack]
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(pipeline=pipeline))
