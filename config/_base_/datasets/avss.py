# AVSBench-semantic at 224 x 224: 71 classes, 5 or 10 frames per clip (padded to 10 by the data
# preprocessor). The published protocol crops the centre in training and ignores the aspect ratio in
# testing.
_base_ = './common.py'
subset = 'avss'
num_classes = 71
data_root = 'data/AVSS'
data = dict(type='AVSSDataset', data_root=data_root, num_classes=num_classes)
load = dict(type='LoadClip', cache_dir='data/cache/log_mel')
crop = dict(type='ClipShortSideCrop', size=224)
train = dict(**data, pipeline=[load, crop, _base_.pack])
squashed = [load, _base_.resize, _base_.pack]
test = dict(**data, pipeline=squashed)
train_dataloader = dict(batch_size=4, dataset=train)
val_dataloader = test_dataloader = dict(batch_size=4, dataset=test)
val_evaluator = test_evaluator = dict(
    task='semantic',
    num_classes=num_classes,
    count_padded=True,
    class_table='results/classes.csv',  # in the work dir
)
