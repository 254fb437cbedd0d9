# MoCA, the filtered set of Motion Grouping, tested with networks trained on DAVIS'16 and
# YouTube-VOS.
_base_ = './video.py'
subset = 'moca'
trained_on = 'davis'
data_root = 'data/MoCA_filtered2'
test_pipeline = [
    _base_.load,
    dict(type='ClipResizeShorter', shorter=473, longest=851),
    _base_.pack,
]
test = dict(
    type='MoCADataset', data_root=data_root, split='val', pipeline=test_pipeline, test_mode=True
)
test_dataloader = dict(**_base_.test_loader, dataset=test)
test_evaluator = dict(type='MoCAMetric', result_file='MoCA_results.csv')
published_test = dict(flip=True, flip_join='maximum')
