# EASE's recipe: AdamW with decay on every parameter, mixed precision, gradients clipped by their
# joint norm. The rate falls from the fourth last block of the backbone down, and grows there with
# the root of the number of processes. New parts warm up first, then the backbone.
optim_wrapper = dict(
    type='DeviceAmpOptimWrapper',
    constructor='ModuleKindOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    paramwise_cfg=dict(
        layer_decay=0.8,
        layer_decay_keep_last=4,
        layer_decay_root=True,
        parts=('backbone',),
    ),
    clip_grad=dict(max_norm=0.01, norm_type=2),
)
param_scheduler = [
    dict(
        type='TwoPhaseWarmupPolyLR',
        later='backbone',
        warmup=(300, 600),
        power=0.9,
        begin=0,
        end=36,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=36, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='ProgressHook')]  # lets queries out of their masks, block by block
