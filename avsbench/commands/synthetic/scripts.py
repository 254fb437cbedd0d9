"""Training and testing from a tool."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from avsbench.engine.work_dir import training_files
from avsbench.processes.program import command_of, environment_of
from avsbench.utils.checks import check_seed
from avsbench.utils.errors import AVSBenchError, ConfigError
from avsbench.utils.folders import check_writable


def run_script(verb: str, *arguments: str, log: Path) -> None:
    """Run `avsbench train` or `avsbench test` in one process, and write what it prints to a file.

    Raises:
        AVSBenchError: It failed; the end of the file is in the message.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = environment_of()
    for name in ('GPUS', 'PARTITION'):
        environment.pop(name, None)
    with log.open('w') as file:
        command = command_of(verb, *arguments)
        done = subprocess.run(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        tail = '\n'.join(log.read_text().splitlines()[-5:])
        raise AVSBenchError(f'{verb} {" ".join(arguments)} failed, see {log}:\n{tail}')


def check_trainings(seeds: Iterable[int], work_dirs: Iterable[Path], *, again: bool) -> None:
    """Check trainings that are to be run, before the first of them takes its minutes.

    Args:
        seeds: Of the trainings.
        work_dirs: Where they go.
        again: Whether they may replace earlier ones.

    Raises:
        ConfigError: A seed is none, or a work dir holds a training that must not be replaced.
    """
    for seed in seeds:
        check_seed('--seed', seed)
    for work_dir in work_dirs:
        if not again and training_files(work_dir):
            raise ConfigError(
                f'{work_dir}: holds a training already; pass --again to replace it, or choose '
                'another folder with --out'
            )
        check_writable(work_dir, 'work dir', 'choose another folder with --out')
