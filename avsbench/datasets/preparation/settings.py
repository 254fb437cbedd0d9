"""What a prepared tree was made with: files of other settings must not mix with it unnoticed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avsbench.utils.errors import DataError
from avsbench.utils.files import write_json
from avsbench.utils.text import read_json

NAME = 'prepare_data.json'


def keep_settings(folder: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """Write the settings down, or compare them with those of an earlier call.

    Args:
        folder: The tree.
        settings: Plain data.
        overwrite: Replace them.

    Raises:
        DataError: They differ, or the file is malformed.
    """
    path = folder / NAME
    if not path.is_file() or overwrite:
        write_json(path, settings)
        return
    try:
        before = read_json(path)
    except DataError as error:
        raise DataError(f'{error}; pass --overwrite') from error
    if not isinstance(before, dict):
        raise DataError(f'{path}: expected an object of settings; pass --overwrite')
    now = json.loads(json.dumps(settings))
    changed = [
        f'{key} was {before.get(key)!r}, is {now[key]!r}'
        for key in now
        if before.get(key) != now[key]
    ]
    if changed:
        raise DataError(
            f'{path}: the tree was made with other settings ({"; ".join(changed)}); choose another '
            '--out, or pass --overwrite to make all again'
        )
