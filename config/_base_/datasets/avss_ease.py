# AVSBench-semantic as EASE reads it, at 224 pixels. A published batch is of single frames; here it
# is of clips, which have six annotated frames on average.
_base_ = ['./avss.py', '../pipelines/ease.py']
train_pipeline = [_base_.load, *_base_.augment, _base_.pack]
test_pipeline = [_base_.load, _base_.squash, _base_.pack]
train_dataloader = dict(drop_last=True, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = test_evaluator = dict(count_padded=False)
