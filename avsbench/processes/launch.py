"""Starts train.py or test.py as one process, as several (GPUS=n), or on SLURM (PARTITION=name).

`train.sh` and `test.sh` end here:

    python -m avsbench.processes.launch SCRIPT [ARGUMENTS...]

GPUS=n runs n processes on this machine: one per GPU, or on the CPU where there is no CUDA.
PARTITION=name submits them with srun. In a job step of SLURM (SLURM_PROCID is set) each task runs
the script as it is; a step of one task, as in `srun --pty bash`, is a machine like any other.
"""

import importlib.util
import os
import sys
from collections.abc import Mapping

from avsbench.processes.local import LocalProcesses
from avsbench.processes.slurm import srun_command
from avsbench.utils.errors import ConfigError, examples

NEEDED = ('torch', 'mmengine', 'mmcv', 'timm')


def command_for(
    script: str, arguments: list[str], environment: Mapping[str, str]
) -> tuple[list[str], int]:
    """The command that runs a script as the environment variables ask.

    Args:
        script: Path of train.py or test.py.
        arguments: Its command line.
        environment: GPUS, PARTITION, SLURM_PROCID with SLURM_STEP_NUM_TASKS, and for srun JOB_NAME,
            GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS.

    Returns:
        A program and its arguments, and how many processes of it are to run here.

    Raises:
        ConfigError: A variable that should be a whole number above 0 is none, or asks for other
            processes than those of the job step.
    """
    plain = [sys.executable, '-u', script, *arguments]
    count = _count(environment, 'GPUS', 1)
    if 'SLURM_PROCID' in environment:
        tasks = _tasks(environment)
        _check_step(environment, tasks, count)
        if tasks != 1:
            return [*plain, '--launcher', 'slurm'], 1
    elif environment.get('PARTITION'):
        per_node = _count(environment, 'GPUS_PER_NODE', min(count, 8))
        cpus = _count(environment, 'CPUS_PER_TASK', 4)
        srun = srun_command(environment, tasks=count, per_node=per_node, cpus=cpus)
        return [*srun, *plain, '--launcher', 'slurm'], 1
    if count > 1:
        return [*plain, '--launcher', 'pytorch'], count
    return plain, 1


def main(argv: list[str]) -> int:
    """Run `SCRIPT [ARGUMENTS...]`."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f'{sys.executable} has no {examples(missing)}: activate the environment '
            '(source .venv/bin/activate), name its interpreter (PYTHON=.venv/bin/python bash '
            'train.sh ...), or pip install -r requirements.txt'
        )
    return start(*command_for(argv[0], argv[1:], os.environ))


def launch_verb(verb: str, words: list[str]) -> int | None:
    """Run a verb of `avsbench` in the processes that the environment asks for.

    Args:
        verb: 'train' or 'test'.
        words: Its command line.

    Returns:
        The exit code; None if this process is all that is needed.

    Raises:
        ConfigError: See `command_for`.
    """
    program = ('-m', ['avsbench', verb, *words])
    asked = command_for(*program, os.environ)
    return None if asked == command_for(*program, {}) else start(*asked)


def start(command: list[str], count: int) -> int:
    """Run a command in several processes, or in place of this one.

    Raises:
        ConfigError: There is no such program.
    """
    if count > 1:
        return LocalProcesses(command, count).run()
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)
    except FileNotFoundError as error:
        raise ConfigError(f'{command[0]}: no such program; PARTITION needs SLURM') from error


def _tasks(environment: Mapping[str, str]) -> int | None:
    """Tasks of the job step that this process belongs to, None if SLURM does not say."""
    text = environment.get('SLURM_STEP_NUM_TASKS') or environment.get('SLURM_NTASKS') or ''
    if 'SLURM_STEP_NUM_TASKS' not in environment and environment.get('SLURM_JOB_ID'):
        if environment['SLURM_PROCID'] == '0':
            return 1  # the script of an sbatch, which runs once whatever --ntasks says
    return int(text) if text.isdigit() else None


def _check_step(environment: Mapping[str, str], tasks: int | None, count: int) -> None:
    """Refuse wishes that can't be met inside a job step."""
    if tasks is not None and tasks > 1 and environment.get('GPUS') and count != tasks:
        raise ConfigError(
            f'GPUS={count}, but this is a job step of SLURM with {tasks} tasks, each of which is '
            f'one process: start it with srun --ntasks={count}, or unset GPUS'
        )
    if tasks == 1 and environment.get('PARTITION'):
        raise ConfigError(
            f'PARTITION={environment["PARTITION"]} asks for a new job of SLURM, but this is a job '
            'step already: unset PARTITION to run here (with GPUS=n as n processes)'
        )


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
