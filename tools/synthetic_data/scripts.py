"""Running train.py and test.py from a tool."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from avsbench.engine.work_dir import training_files
from avsbench.utils.checks import check_seed
from avsbench.utils.errors import AVSBenchError, ConfigError
from avsbench.utils.folders import check_writable

ROOT = Path(__file__).resolve().parents[2]


def run_script(script: str, *arguments: str, log: Path) -> None:
    """Run a script of the project's root, and write what it prints to a file.

    Raises:
        AVSBenchError: It failed; the end of the file is in the message.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w') as file:
        command = [sys.executable, str(ROOT / script), *arguments]
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = '\n'.join(log.read_text().splitlines()[-5:])
        raise AVSBenchError(f'{script} {" ".join(arguments)} failed, see {log}:\n{tail}')


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
