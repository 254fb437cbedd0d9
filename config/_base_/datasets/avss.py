# AVSBench-semantic at 224 x 224: 71 classes, 5 or 10 frames a clip (padded to 10 by the data
# preprocessor). The published protocol cuts the centre out in training and squashes in testing.
subset = 'avss'
dataset_type = 'AVSSDataset'
data_root = 'data/AVSS'
num_classes = 71
log_mel_cache = 'data/cache/log_mel'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir=log_mel_cache),
    dict(type='LoadMasks'),
    dict(type='ClipShortSideCrop', size=224),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir=log_mel_cache),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        num_classes=num_classes,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        num_classes=num_classes,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='test',
        num_classes=num_classes,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

val_evaluator = dict(
    type='AVSMetric',
    task='semantic',
    num_classes=num_classes,
    count_padded=True,
    class_table='results/classes.csv',  # in the work dir
)
test_evaluator = val_evaluator
