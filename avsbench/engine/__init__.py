"""Running trainings and tests: the runner, and what it trains with."""

from avsbench.engine.amp import BFloat16OptimWrapper, build_amp_wrapper, use_amp
from avsbench.engine.param_groups import ModuleKindOptimWrapperConstructor
from avsbench.engine.runner import AVSRunner
from avsbench.engine.samplers import SeededInfiniteSampler, VideoSampler
from avsbench.engine.schedules import TwoPhaseWarmupPolyLR

__all__ = [
    'AVSRunner',
    'BFloat16OptimWrapper',
    'ModuleKindOptimWrapperConstructor',
    'SeededInfiniteSampler',
    'TwoPhaseWarmupPolyLR',
    'VideoSampler',
    'build_amp_wrapper',
    'use_amp',
]
