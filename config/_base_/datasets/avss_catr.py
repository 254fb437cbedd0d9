# AVSBench-semantic for CATR, whose authors published no such data set: the augmentation of S4, and
# clips of 5 and of 10 frames, not padded.
_base_ = ['./avss.py', '../pipelines/catr.py']
train_pipeline = [_base_.load, _base_.crop, *_base_.augment, _base_.pack]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(batch_size=1)
val_evaluator = test_evaluator = dict(count_padded=False)
