"""Lists of videos, and the files in their folders."""

import os
from collections import Counter
from pathlib import PurePosixPath

from avsbench.utils.errors import DataError, examples
from avsbench.utils.text import read_text


def read_lines(path: str) -> list[str]:
    """The lines of a list of videos, such as one name per line.

    Args:
        path: Text file; empty lines and blanks at both ends of a line are fine.

    Raises:
        DataError: The file is missing or not readable, or has no lines.
    """
    try:
        lines = [line.strip() for line in read_text(path).split('\n') if line.strip()]
    except FileNotFoundError:
        raise DataError(
            f'{path}: no such file. Unpack the download again, or correct data_root or ann_file'
        ) from None
    if not lines:
        raise DataError(f'{path}: lists no video')
    return lines


def check_names(names: list[str], source: str) -> None:
    """Refuse names that would lead out of the data set's folder, and names that come twice.

    Args:
        names: Relative paths.
        source: What lists them, for the error.

    Raises:
        DataError: There is such a name.
    """
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or '..' in path.parts or not name.isprintable() or '\\' in name:
            raise DataError(f'{source}: {name!r} is no name of a video inside the data set')
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f'{source}: listed more than once: {examples(repeated)}')


def file_names(folder: str, suffix: str) -> list[str]:
    """Sorted names of the files of a folder with a suffix; none if there is no such folder.

    Hidden files, which some systems add to a folder, are left out.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if name.endswith(suffix) and not name.startswith('.'))


def folder_names(folder: str) -> list[str]:
    """Sorted names of the folders inside a folder, hidden ones left out.

    Raises:
        DataError: There is no such folder, or none inside.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith('.'))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f'{folder}: no such folder. Unpack the download again, or correct data_root'
        ) from None
    if not names:
        raise DataError(f'{folder}: a folder for each video is expected inside, there is none')
    return names


def stem(path: str) -> str:
    """Name of a file without folder and suffix."""
    return os.path.splitext(os.path.basename(path))[0]
