"""Checkpoint files of a run: written so that a kill costs none, and found again."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from avsbench.checkpoint.reading import read_checkpoint
from avsbench.engine.work_dir import unfinished_files
from avsbench.utils.errors import CheckpointError
from avsbench.utils.files import atomic_write


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
    free = None
    try:
        path.parent.stat()  # fails if the work dir has vanished, a drive that was unmounted
        free = shutil.disk_usage(path.parent).free
        with atomic_write(path, durable=True) as temporary:
            with open(temporary, 'wb') as file:
                torch.save(checkpoint, file)
            if not zipfile.is_zipfile(temporary):
                raise OSError('what was written is not a whole file')
    except (OSError, RuntimeError) as error:  # torch's writer reports a full disk as RuntimeError
        reason = _reason_of(error)
        room = '' if free is None else f', {free} bytes were free'
        raise CheckpointError(
            f'{path}: could not be saved ({reason}); it needs about {size_of(checkpoint)} '
            f'bytes{room}. Checkpoints saved before are untouched; make room, or move the work '
            'dir, and use --resume'
        ) from error


def _reason_of(error: BaseException) -> str:
    """What the system says, also where torch's writer has put an error of its own around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__context__
    return str(error)


def size_of(content: Any) -> int:
    """Bytes of the tensors in plain data; shared storages count once."""
    storages: dict[int, int] = {}

    def collect(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, Mapping):
            for item in value.values():
                collect(item)
        elif isinstance(value, list | tuple):
            for item in value:
                collect(item)

    collect(content)
    return sum(storages.values())


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
    return best, damaged + [
        f'{path}: left over from a save that was cut off' for path in unfinished_files(work_dir)
    ]


def link_atomically(target: Path, link: Path) -> None:
    """Let `link` point to `target` in the same directory, replacing an older link."""
    with atomic_write(link) as temporary:
        try:
            temporary.symlink_to(target.name)
        except OSError:  # a file system without symbolic links
            shutil.copyfile(target, temporary)
