"""Starts train.py or test.py as one process, as several (GPUS=n), or on SLURM (PARTITION=name).

`train.sh` and `test.sh` end here:

    python -m avsbench.processes.launch SCRIPT [ARGUMENTS...]

GPUS=n runs n processes on this machine through torchrun: one per GPU, or on the CPU where there is
no CUDA. PARTITION=name submits them with srun. Inside an srun (SLURM_PROCID is set) the
script is run as it is. torchrun's report of a failed process is a page long; of the processes
that fail, only the first one's error is printed.
"""

import importlib.util
import os
import sys
from collections.abc import Mapping

from avsbench.processes.slurm import srun_command
from avsbench.utils.errors import ConfigError, examples
from avsbench.utils.exits import LAUNCHED

NEEDED = ('torch', 'mmengine', 'mmcv', 'timm')


def command_for(script: str, arguments: list[str], environment: Mapping[str, str]) -> list[str]:
    """The command that runs a script as the environment variables ask.

    Args:
        script: Path of train.py or test.py.
        arguments: Its command line.
        environment: GPUS, PARTITION, SLURM_PROCID, and for srun JOB_NAME, GPUS_PER_NODE,
            CPUS_PER_TASK and SRUN_ARGS.

    Returns:
        A program and its arguments; the program 'torchrun' is to be run by `run_torchrun`.

    Raises:
        ConfigError: A variable that should be a whole number above 0 is none.
    """
    plain = [sys.executable, '-u', script, *arguments]
    count = _count(environment, 'GPUS', 1)
    if 'SLURM_PROCID' in environment:
        return [*plain, '--launcher', 'slurm']
    if environment.get('PARTITION'):
        per_node = _count(environment, 'GPUS_PER_NODE', min(count, 8))
        cpus = _count(environment, 'CPUS_PER_TASK', 4)
        srun = srun_command(environment, tasks=count, per_node=per_node, cpus=cpus)
        return [*srun, *plain, '--launcher', 'slurm']
    if count > 1:
        many = ['--standalone', f'--nproc-per-node={count}', script, *arguments]
        return ['torchrun', *many, '--launcher', 'pytorch']
    return plain


def run_torchrun(arguments: list[str], processes: int) -> int:
    """Run torchrun here, print the first error of its processes, and return the exit code."""
    os.environ.setdefault('LOGLEVEL', 'CRITICAL')  # of torchrun, read when it is imported
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    os.environ[LAUNCHED] = '1'
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    os.environ.setdefault('OMP_NUM_THREADS', threads)
    os.environ.setdefault('MKL_NUM_THREADS', threads)
    try:
        torchrun(arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        message = failure.message
        if isinstance(message, dict):
            print(f'error: {message["message"]}', file=sys.stderr)
        elif failure.exitcode < 0:
            print(f'error: process {rank}: {message}', file=sys.stderr)
        return failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
    except SignalException as error:
        print(f'interrupted by {error.sigval.name}', file=sys.stderr)
        return 128 + error.sigval
    return 0


def main(argv: list[str]) -> int:
    """Run `SCRIPT [ARGUMENTS...]`."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f'{sys.executable} has no {examples(missing)}: activate the environment '
            '(source .venv/bin/activate), name its interpreter (PYTHON=.venv/bin/python bash '
            'train.sh ...), or pip install -r requirements.txt'
        )
    command = command_for(argv[0], argv[1:], os.environ)
    if command[0] == 'torchrun':
        return run_torchrun(command[1:], _count(os.environ, 'GPUS', 1))
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)
    except FileNotFoundError as error:
        raise ConfigError(f'{command[0]}: no such program; PARTITION needs SLURM') from error


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f'{name}={text}: expected a whole number above 0')
    return int(text)


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except ConfigError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
