# AVSBench S4 at 224 x 224: one sounding object, binary masks. The published code does not augment.
_base_ = './common.py'
subset = 's4'
data_root = 'data/Single-source'
data = dict(type='S4Dataset', data_root=data_root)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=data)
