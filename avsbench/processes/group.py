"""Starting and ending the process group, on GPUs (nccl) and on the CPU (gloo)."""

import datetime
import os

import torch
from torch import distributed

from avsbench.processes.slurm import translate_variables
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

BACKENDS = ('auto', 'nccl', 'gloo')


def init_distributed(launcher: str, *, backend: str = 'auto', timeout: float = 1800) -> None:
    """Join the process group of a launcher.

    mmengine's initialisation selects a CUDA device whatever the backend is, so it fails on a
    machine without one.

    Args:
        launcher: 'none' does nothing; 'pytorch' reads torchrun's variables, 'slurm' srun's.
        backend: 'nccl', 'gloo', or 'auto' for nccl where there is CUDA and gloo elsewhere.
        timeout: Seconds after which a process that waits for a lost one gives up.

    Raises:
        ConfigError: Unknown backend, missing variables, or more processes than GPUs.
    """
    if launcher == 'none' or distributed.is_initialized():
        return
    check_choice('env_cfg.dist_cfg.backend', backend, BACKENDS)
    if launcher == 'slurm':
        translate_variables()
    if 'RANK' not in os.environ or 'LOCAL_RANK' not in os.environ:
        raise ConfigError(
            "--launcher pytorch: RANK and LOCAL_RANK are not set; start with 'GPUS=n bash "
            "train.sh ...' or with torchrun"
        )
    if backend == 'auto':
        backend = 'nccl' if torch.cuda.is_available() else 'gloo'
    if torch.cuda.is_available() or backend == 'nccl':
        _select_gpu(int(os.environ['LOCAL_RANK']), shared=backend == 'gloo')
    distributed.init_process_group(backend, timeout=datetime.timedelta(seconds=timeout))


def close_distributed() -> None:
    """Leave the process group, if there is one."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def _select_gpu(local_rank: int, *, shared: bool) -> None:
    """Take the GPU of this process; with gloo, several processes may share one."""
    count = torch.cuda.device_count()
    if local_rank >= count and not (shared and count):
        raise ConfigError(
            f'process {local_rank} of this machine has no GPU: there are {count}; start {count} '
            f'processes (GPUS={max(count, 1)}), or use env_cfg.dist_cfg.backend=gloo'
        )
    torch.cuda.set_device(local_rank % count)
