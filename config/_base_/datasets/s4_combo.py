# AVSBench S4 as COMBO reads it: with Maskiges, and augmented in training.
_base_ = ['./s4.py', '../pipelines/combo.py']
train_pipeline = [_base_.load, _base_.maskiges, *_base_.augment, _base_.pack]
test_pipeline = [_base_.load, _base_.maskiges, _base_.resize, _base_.pack]
train_dataloader = dict(**_base_.endless, dataset=dict(pipeline=train_pipeline))
# The published numbers are of one clip per batch.
val_dataloader = test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
