"""Folders: whether they can be written to, and what their users see in them."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from avsbench.utils.errors import ConfigError

_LEFT_BY_SYSTEMS = ('thumbs.db', 'ehthumbs.db', 'desktop.ini', '__macosx')


def visible(paths: Iterable[Path], folder: Path) -> list[Path]:
    """Those of the paths below a folder that a user put there.

    Left out are names that begin with a dot, such as macOS's `.DS_Store` and `._1.png`, and the
    files of Windows' thumbnails and settings, as well as all inside such a folder.
    """
    return [
        path
        for path in paths
        if not any(
            part.startswith('.') or part.lower() in _LEFT_BY_SYSTEMS
            for part in path.relative_to(folder).parts
        )
    ]


def check_writable(folder: str | Path, use: str, remedy: str, *, keep: bool = True) -> None:
    """Create a folder and try to write to it, before the work whose results go there.

    Args:
        folder: Created with its parents.
        use: What it is for, for the message: 'work dir'.
        remedy: What the user can do: 'choose another with --work-dir'.
        keep: Whether a folder that was not there stays.

    Raises:
        ConfigError: It can't be made, or not be written to.
    """
    path = Path(folder).absolute()
    made = [place for place in (path, *path.parents) if not os.path.lexists(place)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        for place in [] if keep else made:
            place.rmdir()
    except OSError as error:
        reason = 'is a file' if path.is_file() else error.strerror
        raise ConfigError(f'{path}: can not be used as {use} ({reason}); {remedy}') from error
