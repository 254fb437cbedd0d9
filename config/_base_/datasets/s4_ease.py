# AVSBench S4 as EASE reads it, at 224 pixels. The published frames are made anew from
# those of AVSS; here they are AVSBench's of 224 pixels.
_base_ = ['./s4.py', '../pipelines/ease.py']
train_pipeline = [_base_.load, *_base_.augment, _base_.pack]
test_pipeline = [_base_.load, _base_.squash, _base_.pack]
train_dataloader = dict(drop_last=True, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
