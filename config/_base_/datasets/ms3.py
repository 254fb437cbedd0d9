# AVSBench MS3 at 224 x 224, the size on disk: several sounding objects, binary masks.
subset = 'ms3'
dataset_type = 'MS3Dataset'
data_root = 'data/Multi-sources'
num_classes = 1

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='PackAVSInputs'),
]
test_pipeline = train_pipeline  # no augmentation in the published code

train_dataloader = dict(
    batch_size=2,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=2,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

val_evaluator = dict(type='AVSMetric', task='binary')
test_evaluator = val_evaluator
