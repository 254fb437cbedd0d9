# The runtime of trainings that count iterations, not epochs; checkpoints as often as detectron2's.
_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
