# Custom videos at 64 px, as `avsbench synthetic videos` writes them.
_base_ = './custom.py'
resize = dict(type='ClipResize', size=(64, 64))
train = dict(pipeline=[_base_.load, resize, _base_.flip, _base_.pack])
test = dict(pipeline=[_base_.load, resize, _base_.pack])
train_dataloader = dict(batch_size=4, num_workers=1, dataset=train)
val_dataloader = test_dataloader = dict(num_workers=1, dataset=test)
