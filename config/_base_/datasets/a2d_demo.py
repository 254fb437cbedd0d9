# The A2D-like synthetic videos at 64 px: the shape tells the actor, only the motion the action.
_base_ = './a2d.py'
data_root = 'data/synthetic/A2D'
resize = dict(type='ClipResizeShorter', shorter=64)
train = dict(data_root=data_root, pipeline=[_base_.load, resize, _base_.pack])
train_dataloader = dict(batch_size=8, num_workers=1, dataset=train)
test_pipeline = [_base_.load, dict(**resize, masks=False), _base_.pack]
test = dict(data_root=data_root, pipeline=test_pipeline)
val_dataloader = test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
