# The runtime for trainings that count iterations instead of epochs; checkpoints as often as in
# detectron2.
_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
