# The DAVIS-like and YouTube-VOS-like synthetic videos at 64 px of `avsbench synthetic trees`.
_base_ = './davis.py'
data_root = 'data/synthetic/DAVIS'
youtube_vos_root = 'data/synthetic/YTVOS'
resize = dict(type='ClipResizeShorter', shorter=64)
flip = dict(type='ClipRandomFlip', prob=0.5)
train_pipeline = [_base_.load, resize, flip, _base_.pack]
test_pipeline = [_base_.load, dict(**resize, masks=False), _base_.pack]
test = dict(data_root=data_root, pipeline=test_pipeline)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        datasets=[
            dict(type='DAVISDataset', data_root=data_root, split='train', pipeline=train_pipeline),
            dict(
                type='YouTubeVOSDataset',
                data_root=youtube_vos_root,
                split='train',
                pipeline=train_pipeline,
            ),
        ],
    ),
)
val_dataloader = test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
