# The AVSS-like part of the synthetic benchmark at 64 px, as `tools/make_synthetic.py` writes it.
_base_ = './avss.py'
data_root = 'data/synthetic/AVSS'
log_mel_cache = 'data/synthetic/cache/log_mel'
train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir=log_mel_cache),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(64, 64)),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='zero', cache_dir=log_mel_cache),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(64, 64)),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
)
