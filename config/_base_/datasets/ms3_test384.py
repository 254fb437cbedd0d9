# AVSBench MS3 at 224 x 224, tested at 384 x 384, as the published MED-VT++ does.
_base_ = './ms3.py'
test_pipeline = [_base_.load, dict(type='ClipResize', size=(384, 384)), _base_.pack]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
