"""Checkpoint files of a run: written so that a kill costs none, and found again."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch

from avsbench.checkpoint.reading import read_checkpoint
from avsbench.utils.errors import CheckpointError
from avsbench.utils.files import TEMPORARY_SUFFIX, atomic_write


def save_atomically(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint atomically, and check that it is whole.

    Whatever happens, an older file of the same name stays as it was.

    Args:
        checkpoint: Plain data, see `training_state.to_plain`.
        path: Where it is to be; the directory exists.

    Raises:
        CheckpointError: It can't be written, for instance because the disk is full.
    """
    path = Path(path)
    try:
        path.parent.stat()  # fails if the work dir has vanished, a drive that was unmounted
        with atomic_write(path, unique=False, durable=True) as temporary:
            with open(temporary, 'wb') as file:
                torch.save(checkpoint, file)
            if not zipfile.is_zipfile(temporary):
                raise OSError('what was written is not a whole file')
    except (OSError, RuntimeError) as error:  # torch's writer reports a full disk as RuntimeError
        free = shutil.disk_usage(path.parent).free if path.parent.is_dir() else 0
        raise CheckpointError(
            f'{path}: could not be saved ({error}); {free} bytes are free on that disk. '
            'Checkpoints saved before are untouched; make room and use --resume'
        ) from error


def newest_checkpoint(work_dir: str | Path) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint of a run that a training can go on from.

    Files are told apart by the time stored inside, so copying or moving the directory changes
    nothing; weights saved without the optimizer (the best checkpoint) don't count.

    Returns:
        Its path, or None; and a remark on each file that was passed over, for the log.

    Raises:
        CheckpointError: There are checkpoints, but none can be read; starting anew would replace
            them.
    """
    best, best_time, damaged = None, float('-inf'), []
    for path in sorted(Path(work_dir).glob('*.pth')):
        if path.is_symlink():
            continue
        try:
            checkpoint = read_checkpoint(path, mmap=True)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        meta = checkpoint.get('meta')
        if 'optimizer' not in checkpoint or not isinstance(meta, dict) or 'saved_at' not in meta:
            continue
        if meta['saved_at'] > best_time:
            best, best_time = path, meta['saved_at']
    if damaged and best is None:
        raise CheckpointError(
            'no checkpoint to resume from can be read; move these away to start anew:\n  '
            + '\n  '.join(damaged)
        )
    unfinished = sorted(Path(work_dir).glob(f'*.pth{TEMPORARY_SUFFIX}'))
    return best, damaged + [
        f'{path}: left over from a save that was cut off' for path in unfinished
    ]


def link_atomically(target: Path, link: Path) -> None:
    """Let `link` point to `target` in the same directory, replacing an older link."""
    with atomic_write(link, unique=False) as temporary:
        try:
            temporary.symlink_to(target.name)
        except OSError:  # a file system without symbolic links
            shutil.copyfile(target, temporary)
