# MED-VT's schedule of 15 epochs with the groups that its code intends: the backbone at 1e-5,
# everything else at 1e-4. No recipe for VSPW is published.
_base_ = './medvt_video.py'
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(custom_keys=dict(_delete_=True, backbone=dict(lr_mult=0.1))),
)
