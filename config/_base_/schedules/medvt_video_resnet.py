# As medvt_video.py; ResNet's groups: the backbone at 1e-6, everything else at 1e-4.
_base_ = './medvt_video.py'
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(custom_keys=dict(_delete_=True, backbone=dict(lr_mult=0.01))),
)
