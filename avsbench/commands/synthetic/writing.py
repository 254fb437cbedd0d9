"""What the commands that write synthetic data share."""

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from avsbench.utils.errors import DataError


def write_trees(
    settings: Iterable[Any],
    generate: Callable[..., Path],
    summarise: Callable[[Any, Path, float], str],
    args: argparse.Namespace,
) -> None:
    """Generate one tree after the other, and print a line for each.

    Args:
        settings: Of each tree.
        generate: Writes a tree, and returns its folder.
        summarise: The line, from the settings, the folder and the seconds it took.
        args: `out`, `workers` and `overwrite`.

    Raises:
        DataError: The folder can't be written.
    """
    for each in settings:
        start = time.perf_counter()
        try:
            root = generate(
                each, args.out, workers=args.workers, overwrite=args.overwrite, progress=True
            )
        except OSError as error:  # no space, no permission; it names the file
            raise DataError(f'{error}; choose another --out') from error
        print(summarise(each, root, time.perf_counter() - start))
