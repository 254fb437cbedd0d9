"""The work dir of a run: who may write into it, and under which names."""

import os
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avsbench.utils.errors import ConfigError, examples
from avsbench.utils.files import TEMPORARY_SUFFIX
from avsbench.utils.locks import FileLock

INTERRUPTED = 'interrupted.pth'
"""Checkpoint of a run that a signal or an error has ended; the next checkpoint replaces it."""
LOCK = 'training.lock'
_WRITTEN = ('epoch_*.pth', 'iter_*.pth', 'best_*.pth', INTERRUPTED)


def training_files(work_dir: str | Path) -> list[Path]:
    """The checkpoints that a training has left in its work dir."""
    return sorted({path for pattern in _WRITTEN for path in Path(work_dir).glob(pattern)})


def unfinished_files(work_dir: str | Path) -> list[Path]:
    """What is left of saves that were cut off."""
    return sorted(Path(work_dir).glob(f'*.pth*{TEMPORARY_SUFFIX}'))


def new_folder(parent: str | Path, name: str, taken: Container[str] = ()) -> str:
    """Make a folder of this name, or of it with `_2`, `_3`, ... where another run has it already.

    Args:
        parent: Exists.
        name: Of the folder.
        taken: Names that it may not have either.

    Returns:
        Its name.
    """
    number, chosen = 1, name
    while True:
        with suppress(FileExistsError):
            if chosen not in taken:
                os.mkdir(Path(parent, chosen))
                return chosen
        number += 1
        chosen = f'{name}_{number}'


@contextmanager
def training_in(
    work_dir: str | Path, *, may_replace: bool, may_extend: bool, remarks: list[str]
) -> Iterator[None]:
    """Have a work dir for one training alone.

    Args:
        work_dir: Exists.
        may_replace: With `--overwrite`.
        may_extend: The training goes on from a checkpoint in it.
        remarks: What was found there is added, for the log.

    Raises:
        ConfigError: Another training runs in it, or it holds one that would be written over.
    """
    lock = FileLock(Path(work_dir, LOCK), f'{work_dir}: the work dir')
    died = lock.acquire()
    try:
        if died:
            remarks.append(f'{LOCK} was left by {died}, which has died')
        found = training_files(work_dir)
        if found and not may_replace and not may_extend:
            raise ConfigError(
                f'{work_dir}: holds a training already '
                f'({examples((path.name for path in found), 3)}); go on from it with --resume, '
                'write over it with --overwrite, or choose another --work-dir'
            )
        for path in unfinished_files(work_dir):
            path.unlink()
            remarks.append(f'removed {path.name}, left over from a save that was cut off')
        yield
    finally:
        lock.release()


def remove_training(work_dir: str | Path) -> None:
    """Remove the checkpoints of a training that another one replaces."""
    for path in (*training_files(work_dir), Path(work_dir, 'last_checkpoint')):
        path.unlink(missing_ok=True)
