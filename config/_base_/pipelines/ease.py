# EASE's augmentation: frames are scaled by a random factor, then squashed to the square that the
# network sees, so that the first step blurs. Masks are compared at 224 pixels, whatever that is.
annotated = dict(type='KeepAnnotatedFrames')  # the frames of a clip never meet
flip = dict(type='ClipRandomFlip', prob=0.5)
size = (224, 224)
jitter = dict(type='ClipRandomScale', size=size, ratio_range=(0.1, 2.0))
squash = dict(type='ClipResize', size=size, mask_size=(224, 224))
augment = [annotated, flip, jitter, squash]
