# DAVIS'16, trained together with YouTube-VOS 2019 as MED-VT does. Sizes of Video Swin.
_base_ = './video.py'
subset = 'davis'
data_root = 'data/DAVIS'
youtube_vos_root = 'data/YTVOS'

augment = [
    _base_.load,
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipResizeShorter', shorter=list(range(480, 801, 32)), longest=800),
    # Bright places turn dark in the published code, whose cast to 8 bits wraps; 'clip' is the sane
    # setting.
    dict(type='ClipFloatPhotometric', overflow='wrap'),
    dict(type='ClipResizeShorter', shorter=[500, 600, 700]),
    dict(type='ClipRandomSizedCrop', smallest=480, largest=750),
]
train_pipeline = [
    *augment,
    dict(type='ClipResizeShorter', shorter=360, longest=648),
    _base_.pack,
]
val_pipeline = [
    _base_.load,
    dict(type='ClipResizeShorter', shorter=360, longest=648, masks=False),
    _base_.pack,
]
test_pipeline = [
    _base_.load,
    dict(type='ClipResizeShorter', shorter=473, longest=851, masks=False),
    _base_.pack,
]

davis = dict(type='DAVISDataset', data_root=data_root)
youtube_vos = dict(type='YouTubeVOSDataset', data_root=youtube_vos_root, split='train')
train_dataloader = dict(
    **_base_.loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(**davis, split='train', pipeline=train_pipeline),
            dict(**youtube_vos, pipeline=train_pipeline),
        ],
    ),
)
test = dict(**davis, split='val', test_mode=True)
val_dataloader = dict(**_base_.test_loader, dataset=dict(**test, pipeline=val_pipeline))
test_dataloader = dict(**_base_.test_loader, dataset=dict(**test, pipeline=test_pipeline))
val_evaluator = dict(type='DAVISMetric')
test_evaluator = dict(type='DAVISMetric', result_file='davis_results.csv')
