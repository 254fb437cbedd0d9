# The MS3-like part of the synthetic benchmark at 64 px, rotated, scaled and sheared for networks
# that otherwise overfit the training images.
_base_ = './ms3_demo.py'
affine = dict(type='ClipRandomAffine', degrees=20, scale=(0.7, 1.3), shear=10)
pipeline = [_base_.load, _base_.select, _base_.resize, affine, _base_.flip, _base_.pack]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
