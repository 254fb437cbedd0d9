# AVSBench-semantic as VCT reads it, at 224 pixels: the size of the paper's further results.
_base_ = './avss_vct.py'
size = (224, 224)
square = dict(type='ClipResize', size=size)
train_pipeline = [_base_.load, _base_.maskiges, square, *_base_.augment_224, _base_.pack]
test_pipeline = [_base_.load, _base_.maskiges, square, _base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
