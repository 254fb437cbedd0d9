# From scratch on the synthetic benchmark: the demo's recipe, twice as long.
_base_ = './demo.py'
# The queries start nearly equal, the affinity of each is taken relative to their mean, and all
# attend to the same audio. At the base rate the network overfits the images before it uses the
# audio.
optim_wrapper = dict(
    optimizer=dict(fused=True),
    paramwise_cfg=dict(
        custom_keys={'decode_head.query': dict(lr_mult=5.0), 'audio_proj': dict(lr_mult=5.0)}
    ),
)
param_scheduler = [_base_.warmup, dict(**_base_.decay, end=750)]
train_cfg = dict(max_epochs=30, val_interval=10)
