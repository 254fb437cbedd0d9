# Custom videos at 224 x 224: data_root/videos/<name>.mp4 with data_root/masks/<name>/<second>.png,
# see docs/custom_data.md. One foreground; for several classes give the data sets `classes`.
_base_ = './common.py'
subset = 'custom'
data_root = 'data/custom'
data = dict(type='FolderAVSDataset', data_root=data_root)
flip = dict(type='ClipRandomFlip', prob=0.5)
train_pipeline = [_base_.load, _base_.resize, flip, _base_.pack]
train_dataloader = dict(num_workers=4, dataset=dict(**data, pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(num_workers=4, dataset=data)
