# What every config shares: runner, hooks, environment, log, seed.
default_scope = 'avsbench'
runner_type = 'AVSRunner'

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook', interval=1, max_keep_ckpts=1, save_best='mIoU', rule='greater'
    ),
    broadcast_buffers=dict(type='BroadcastBuffersHook'),
    random_state=dict(type='RandomStateHook'),
    finite_loss=dict(type='FiniteLossHook'),
    report=dict(type='ReportHook'),
    bundle=dict(type='BundleHook'),  # what it takes to do a training again
    cost=dict(type='CostHook'),
    # draws that many validation clips into vis_data/vis_image/
    visualization=dict(type='VisualizationHook', num_clips=3, interval=1),
)

env_cfg = dict(
    cudnn_benchmark=False,
    tf32=True,  # products of float32 on a GPU: ten bits of each factor, several times as fast
    eval_amp='off',  # or 'bf16', 'fp16': mixed precision of validation and test
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='auto', timeout=1800),  # auto: nccl with CUDA, else gloo; seconds
)
# torch.compile of backbone and decode head; dynamic=None: sizes are variable from the second on
compile = dict(enabled=False, backend='inductor', dynamic=None)
log_processor = dict(type='LogProcessor', window_size=10, by_epoch=True)
log_level = 'INFO'
# --tensorboard and --wandb of a training add their backends
visualizer = dict(type='AVSLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=123, deterministic=False)

load_from = None
resume = False
