# AVSBench MS3 as VCT reads it: at 384 pixels, with Maskiges, augmented in training, and tested
# against masks of 224. The published frames are made anew from those of AVSS; here they are
# AVSBench's of 224 pixels, enlarged.
_base_ = ['./ms3.py', '../pipelines/vct.py']
train_pipeline = [_base_.load, _base_.maskiges, *_base_.augment, _base_.pack]
test_pipeline = [_base_.load, _base_.maskiges, _base_.squash, _base_.pack]
endless = dict(batch_size=2, sampler=dict(type='SeededInfiniteSampler'))
train_dataloader = dict(**endless, dataset=dict(pipeline=train_pipeline))
# The published numbers are of one clip per batch.
val_dataloader = test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
