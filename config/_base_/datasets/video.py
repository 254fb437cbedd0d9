# What the video data sets share: windows of six frames, one clip per step, the videos of a test in
# order. A test item keeps the prediction of its window's centre.
load = dict(type='LoadFrames')
pack = dict(type='PackAVSInputs')
loader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    collate_fn=dict(type='pseudo_collate'),
)
test_loader = dict(**loader, sampler=dict(type='VideoSampler'))
