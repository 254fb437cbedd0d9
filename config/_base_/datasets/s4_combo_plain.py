# AVSBench S4 with COMBO's augmentation, without Maskiges.
_base_ = './s4_combo.py'
jitter = dict(type='ClipPhotoMetricDistortion', per_frame=True)
augment = [*_base_.scale_and_crop, jitter, *_base_.flip_and_pad]
train_dataloader = dict(dataset=dict(pipeline=[_base_.load, *augment, _base_.pack]))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=_base_.pipeline))
