# The VSPW-like synthetic videos at 64 px: some pairs of classes differ by their motion alone.
_base_ = './vspw.py'
data_root = 'data/synthetic/VSPW_480p'
resize = dict(type='ClipResizeShorter', shorter=64)
train = dict(data_root=data_root, centre_step=None, pipeline=[_base_.load, resize, _base_.pack])
train_dataloader = dict(batch_size=8, num_workers=1, dataset=train)
test_pipeline = [_base_.load, dict(**resize, masks=False), _base_.pack]
test = dict(data_root=data_root, pipeline=test_pipeline)
val_dataloader = test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
