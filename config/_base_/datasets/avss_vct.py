# AVSBench-semantic as VCT reads it: squashed to 384 pixels, with Maskiges of the whole frames,
# augmented in training, and tested against labels of 224; clips of 5 and of 10 frames, not padded.
# The published frames of the training are squashed to squares of their shorter side.
_base_ = ['./avss.py', '../pipelines/vct.py']
square = dict(type='ClipResize', size=_base_.size)
train_pipeline = [_base_.load, _base_.maskiges, square, *_base_.augment, _base_.pack]
test_pipeline = [_base_.load, _base_.maskiges, _base_.squash, _base_.pack]
whole = dict(type='AVSSWholeFrameDataset')
train_dataloader = dict(**_base_.endless, dataset=dict(**whole, pipeline=train_pipeline))
# The published numbers are of one clip per batch, and of the frames that exist.
val_dataloader = test_dataloader = dict(batch_size=1, dataset=dict(**whole, pipeline=test_pipeline))
val_evaluator = test_evaluator = dict(count_padded=False)
