# AVSBench MS3 at 224 x 224: several sounding objects, binary masks. The published code does not
# augment.
_base_ = './common.py'
subset = 'ms3'
data_root = 'data/Multi-sources'
data = dict(type='MS3Dataset', data_root=data_root)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=data)
