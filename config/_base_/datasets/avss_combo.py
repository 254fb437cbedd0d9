# AVSBench-semantic as COMBO reads it: with Maskiges, made from the frames after they were cropped
# to 224 x 224; colour jitter and flips in training; clips of 5 and of 10 frames, not padded.
_base_ = './avss.py'
maskiges = dict(type='LoadMaskiges', size=(224, 224))
jitter = dict(type='ClipPhotoMetricDistortion', per_frame=True, maskiges=True)
flip = dict(type='ClipRandomFlip', prob=0.5)
train_pipeline = [_base_.load, _base_.crop, maskiges, jitter, flip, _base_.pack]
test_pipeline = [_base_.load, _base_.resize, maskiges, _base_.pack]
train_dataloader = dict(
    batch_size=8,
    sampler=dict(type='SeededInfiniteSampler'),
    dataset=dict(pipeline=train_pipeline),
)
# The published numbers are of one clip per batch, and of the frames that exist.
val_dataloader = test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
val_evaluator = test_evaluator = dict(count_padded=False)
