# VCT's recipe: COMBO's with 45000 iterations, and no weight decay on the tables of Swin's windows.
_base_ = './combo_s4.py'
backbones = dict(lr_mult=0.1)
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(
            _delete_=True,
            image_backbone=backbones,
            maskige_backbone=backbones,
            relative_position_bias_table=dict(lr_mult=0.1, decay_mult=0.0),
        ),
    ),
)
# mmengine reaches the end one step early: this way the rate at step t is lr * (1 - t / 45000)^0.9.
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=45001, by_epoch=False),
]
train_cfg = dict(max_iters=45000, val_interval=1000)
