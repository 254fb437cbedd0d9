# CATR's augmentation of S4.
augment = [
    dict(type='ClipRandomAffine', degrees=20, scale=(0.5, 1.0), shear=10),
    dict(type='ClipRandomFlip', prob=0.5),
]
