"""SLURM: the command that submits a run, and the variables that its processes find."""

import os
import subprocess
from collections.abc import Mapping

from avsbench.utils.errors import ConfigError


def srun_command(environment: Mapping[str, str], *, tasks: int, per_node: int, cpus: int) -> list:
    """The srun command before the program that it runs.

    Args:
        environment: PARTITION, and JOB_NAME and SRUN_ARGS where they are set.
        tasks: Processes in all.
        per_node: Processes, and GPUs, of each node.
        cpus: Cores of each process.
    """
    return [
        'srun',
        f'--partition={environment["PARTITION"]}',
        f'--job-name={environment.get("JOB_NAME", "avsbench")}',
        f'--gres=gpu:{per_node}',
        f'--ntasks={tasks}',
        f'--ntasks-per-node={per_node}',
        f'--cpus-per-task={cpus}',
        '--kill-on-bad-exit=1',
        *environment.get('SRUN_ARGS', '').split(),
    ]


def translate_variables() -> None:
    """Set the variables that torch.distributed reads from those of srun.

    Raises:
        ConfigError: This process was not started by srun, or SLURM's tools are missing.
    """
    needed = ('SLURM_JOB_ID', 'SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID', 'SLURM_NODELIST')
    missing = [name for name in needed if name not in os.environ]
    if missing:
        raise ConfigError(
            f'--launcher slurm: {", ".join(missing)} not set; start with srun, or with '
            "'PARTITION=name GPUS=n bash train.sh ...'"
        )
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ['SLURM_LOCALID']
    # Jobs that share a node get different ports.
    os.environ.setdefault('MASTER_PORT', str(20000 + int(os.environ['SLURM_JOB_ID']) % 20000))
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_node(os.environ['SLURM_NODELIST'])


def _first_node(nodes: str) -> str:
    try:
        listed = subprocess.run(
            ['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(
            f'scontrol can not list the nodes {nodes!r} ({error}); set MASTER_ADDR to the first one'
        ) from error
    return listed.stdout.split()[0]
