# What the data sets share: whole clips at 224 x 224, the size on disk, without augmentation, and
# binary masks. A subset names its class and folder; variants put pipelines together from the steps.
num_classes = 1
load = dict(type='LoadClip')
resize = dict(type='ClipResize', size=(224, 224))
pack = dict(type='PackAVSInputs')
pipeline = [load, resize, pack]

loader = dict(
    batch_size=2,
    num_workers=8,
    persistent_workers=True,
    collate_fn=dict(type='pseudo_collate'),
)
in_order = dict(type='DefaultSampler', shuffle=False)
train_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=pipeline),
)
test = dict(pipeline=pipeline, test_mode=True)
val_dataloader = dict(**loader, sampler=in_order, dataset=dict(**test, split='val'))
test_dataloader = dict(**loader, sampler=in_order, dataset=dict(**test, split='test'))

val_evaluator = test_evaluator = dict(type='AVSMetric', task='binary')
