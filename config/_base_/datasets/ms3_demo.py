# The MS3-like part of the synthetic benchmark at 64 px, as `avsbench synthetic clips` writes it.
_base_ = './ms3.py'
data_root = 'data/synthetic/Multi-sources'
resize = dict(type='ClipResize', size=(64, 64))
flip = dict(type='ClipRandomFlip', prob=0.5)
select = dict(type='SampleFrames', num_frames=1)  # 16 scenes per batch; the frames never interact
train = dict(data_root=data_root, pipeline=[_base_.load, select, resize, flip, _base_.pack])
test = dict(data_root=data_root, pipeline=[_base_.load, resize, _base_.pack])
train_dataloader = dict(batch_size=16, num_workers=1, dataset=train)
val_dataloader = test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
