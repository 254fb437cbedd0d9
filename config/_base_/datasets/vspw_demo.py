# The VSPW-like synthetic videos at 64 px: some pairs of classes differ by their motion alone.
_base_ = './vspw.py'
data_root = 'data/synthetic/VSPW_480p'
train = dict(data_root=data_root, centre_step=None, pipeline=[_base_.load, _base_.pack])
train_dataloader = dict(batch_size=8, num_workers=1, dataset=train)
test = dict(data_root=data_root)
val_dataloader = test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
