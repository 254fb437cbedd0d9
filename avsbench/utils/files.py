"""Files that are replaced as a whole: a reader finds the old content or the new, never a part."""

import json
import math
import os
import re
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = '.tmp'

ARRAY_FILE_ERRORS = (
    *(OSError, EOFError, KeyError, ValueError, TypeError, OverflowError),
    *(SyntaxError, tokenize.TokenError, RecursionError),  # the header of a .npy is Python
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),  # of a .npz
)
"""What `numpy.load` raises for damaged files."""


@contextmanager
def atomic_write(path: str | Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to `path` at the end of the block.

    If the block raises, the temporary file is removed and an older file stays as it was. The
    folder is created if needed. Several processes may write the same file at once.

    Args:
        path: The file to replace.
        durable: Flush the file and the renaming to the disk, so that a power cut loses neither.
    """
    path = Path(path)
    temporary = path.with_name(f'{path.name}.{uuid.uuid4().hex[:12]}{TEMPORARY_SUFFIX}')
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        if durable:
            with open(temporary, 'rb') as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        _sync_folder(path.parent)


def remove_leftovers(path: str | Path) -> None:
    """Remove what processes that were killed inside `atomic_write` have left beside a file.

    Nobody may be writing the file, which a lock has to ensure.
    """
    path = Path(path)
    pattern = re.compile(rf'{re.escape(path.name)}\.[0-9a-f]{{12}}{re.escape(TEMPORARY_SUFFIX)}')
    for other in path.parent.iterdir():
        if pattern.fullmatch(other.name):
            other.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def write_json(path: str | Path, content: Any) -> None:
    """Write a json file atomically; NaN and infinite numbers become null."""
    write_text(path, json.dumps(_jsonable(content), indent=2, allow_nan=False) + '\n')


def _sync_folder(folder: Path) -> None:
    """Flush a renaming to the disk, on file systems where a folder can be synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if hasattr(value, 'tolist'):  # a tensor, an array, or a number of numpy's
        return _jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
