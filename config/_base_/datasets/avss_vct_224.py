# AVSBench-semantic as VCT reads it, at 224 pixels: the size of the paper's further results.
_base_ = ['./avss.py', '../pipelines/combo.py']
square = dict(type='ClipResize', size=(224, 224))
train_pipeline = [_base_.load, _base_.maskiges, square, *_base_.augment, _base_.pack]
test_pipeline = [_base_.load, _base_.maskiges, square, _base_.pack]
whole = dict(type='AVSSWholeFrameDataset')
train_dataloader = dict(**_base_.endless, dataset=dict(**whole, pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(batch_size=1, dataset=dict(**whole, pipeline=test_pipeline))
val_evaluator = test_evaluator = dict(count_padded=False)
