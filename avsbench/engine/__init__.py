"""Running trainings and tests: the runner, its process group, mixed precision on the CPU."""

from avsbench.engine.amp import CPUAmpOptimWrapper, use_amp
from avsbench.engine.dist import close_distributed, init_distributed
from avsbench.engine.runner import AVSRunner

__all__ = ['AVSRunner', 'CPUAmpOptimWrapper', 'close_distributed', 'init_distributed', 'use_amp']
