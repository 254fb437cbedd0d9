# VSPW, video semantic segmentation: 124 classes. MED-VT has published no recipe for it; this one is
# the toolbox's own: windows of consecutive frames, scaled, cropped and recoloured as CFFM (arXiv
# 2204.03330) does with its clips, and tested on whole frames of 480 pixels, each predicted once.
_base_ = './video.py'
subset = 'vspw'
num_classes = 124
data_root = 'data/VSPW_480p'
data = dict(type='VSPWDataset', data_root=data_root)
train_pipeline = [
    _base_.load,
    dict(type='ClipRandomScale', size=(480, 853), ratio_range=(0.5, 2.0)),
    dict(type='ClipRandomCrop', size=(480, 480), keep_smaller=True, max_class_share=0.75),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipPhotoMetricDistortion'),
    dict(type='ClipPad', size=(480, 480), value=0, label=255),
    _base_.pack,
]
train_dataloader = dict(
    **_base_.loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    # About three windows of each video an epoch.
    dataset=dict(**data, split='train', centre_step=24, pipeline=train_pipeline),
)
# The masks of the test part are not public, so that the validation part is what papers report on.
# Its frames have 480 lines; other videos get them.
resize = dict(type='ClipResizeShorter', shorter=480, masks=False)
test_pipeline = [_base_.load, resize, _base_.pack]
test = dict(**data, split='val', windows='disjoint', pipeline=test_pipeline, test_mode=True)
val_dataloader = test_dataloader = dict(**_base_.test_loader, dataset=test)
val_evaluator = test_evaluator = dict(type='VSPWMetric')
