# DAVIS'16 and YouTube-VOS at the sizes of MED-VT's ResNet-101.
_base_ = './davis.py'
train_pipeline = [
    *_base_.augment,
    dict(type='ClipResizeShorter', shorter=300, longest=540),
    _base_.pack,
]
test_pipeline = [
    _base_.load,
    dict(type='ClipResizeShorter', shorter=473, longest=780, masks=False),
    _base_.pack,
]
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(**_base_.davis, split='train', pipeline=train_pipeline),
            dict(**_base_.youtube_vos, pipeline=train_pipeline),
        ],
    ),
)
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
