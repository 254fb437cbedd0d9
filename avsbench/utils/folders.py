"""Folders as their users see them, without what operating systems leave in them."""

from collections.abc import Iterable
from pathlib import Path

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
