# AVSBench MS3 as CATR trains on it: rotated, scaled, sheared and flipped clips.
_base_ = ['./ms3.py', '../pipelines/catr.py']
train_pipeline = [_base_.load, _base_.resize, *_base_.augment, _base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
# The published numbers are of one clip per batch.
val_dataloader = test_dataloader = dict(batch_size=1)
