# The AVSS-like part of the synthetic benchmark at 64 px, as `avsbench synthetic clips` writes it.
_base_ = './avss.py'
data_root = 'data/synthetic/AVSS'
load = dict(type='LoadClip', cache_dir='data/synthetic/cache/log_mel')
resize = dict(type='ClipResize', size=(64, 64))
flip = dict(type='ClipRandomFlip', prob=0.5)
train = dict(data_root=data_root, pipeline=[load, resize, flip, _base_.pack])
test = dict(data_root=data_root, pipeline=[load, resize, _base_.pack])
train_dataloader = dict(num_workers=1, dataset=train)
val_dataloader = test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
