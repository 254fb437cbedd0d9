# MED-VT on actor-action segmentation: 30 epochs, polynomial over 24; the losses fall as
# exp(-epoch / 10). The backbone runs at a tenth of the rate, which the published code sets to 0 in
# epoch 0 and to the whole 1e-5 in epoch 1.
_base_ = './medvt_video.py'
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(custom_keys=dict(_delete_=True, backbone=dict(lr_mult=0.1))),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-6, begin=0, end=25)]
train_cfg = dict(max_epochs=30)
custom_hooks = [
    dict(type='FirstRatesHook', rates=[0, 1e-5]),
    dict(type='DecayingLossHook', epochs=10),
]
