# YouTube-Objects, tested with networks trained on DAVIS'16 and YouTube-VOS.
_base_ = './video.py'
subset = 'youtube_objects'
trained_on = 'davis'
data_root = 'data/YTO'
test_pipeline = [
    _base_.load,
    dict(type='ClipResizeShorter', shorter=360, longest=648, masks=False),
    _base_.pack,
]
test = dict(
    type='YouTubeObjectsDataset',
    data_root=data_root,
    split='val',
    pipeline=test_pipeline,
    test_mode=True,
)
test_dataloader = dict(**_base_.test_loader, dataset=test)
test_evaluator = dict(type='YouTubeObjectsMetric', result_file='youtube_objects_results.csv')
published_test = dict(
    scales=[0.95, 1, 1.05, 1.1, 1.15], flip=True, flip_join='maximum', threshold_inclusive=True
)
