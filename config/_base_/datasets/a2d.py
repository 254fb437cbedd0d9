# A2D, actor-action segmentation: 80 classes 10 actor + action, 0 to 3 annotated frames around one
# centre. There is no validation part: as in the published code the test videos are looked at after
# each epoch, so that a checkpoint chosen by that is chosen on the test set.
_base_ = './video.py'
subset = 'a2d'
num_classes = 80
data_root = 'data/A2D'
# Frames keep their size here: the data preprocessor resizes them when they are normalised.
train_pipeline = [_base_.load, dict(type='ClipResizeMasks', size=(320, 480)), _base_.pack]
test_pipeline = [_base_.load, _base_.pack]
data = dict(type='A2DDataset', data_root=data_root)
train_dataloader = dict(
    **_base_.loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**data, split='train', pipeline=train_pipeline),
)
test = dict(**data, split='test', pipeline=test_pipeline, test_mode=True)
val_dataloader = test_dataloader = dict(**_base_.test_loader, dataset=test)
val_evaluator = test_evaluator = dict(type='A2DMetric')
