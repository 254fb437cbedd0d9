# COMBO's recipe: AdamW, the backbones (not the layers that merge them) at a tenth of the rate, no
# weight decay on norms and embeddings; polynomial decay to 0 by iteration, no warm-up; gradients
# clipped by their joint norm. Published runs draw their seed, and keep the best mIoU, rounded to
# four decimals, the earlier of equals. Use it with iteration_runtime.py.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='ModuleKindOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        embedding_decay_mult=0.0,
        custom_keys={'backbone.model': dict(lr_mult=0.1)},
    ),
    clip_grad=dict(max_norm=0.01, norm_type=2),
)
# mmengine reaches the end one step early: this way the rate at step t is lr * (1 - t / 90000)^0.9.
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=90001, by_epoch=False),
]
train_cfg = dict(by_epoch=False, max_iters=90000, val_interval=5000)
val_cfg = dict()
test_cfg = dict()
