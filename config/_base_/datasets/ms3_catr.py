# AVSBench MS3 as CATR trains on it: turned, scaled, sheared and flipped clips.
_base_ = ['./ms3.py']

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadLogMel', short='repeat'),
    dict(type='LoadMasks'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='ClipRandomAffine', degrees=20, scale=(0.5, 1.0), shear=10),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
# The published numbers are of one clip a batch.
val_dataloader = dict(batch_size=1)
test_dataloader = dict(batch_size=1)
