"""The work of `avsbench fetch`."""

import argparse
from pathlib import Path

from avsbench.utils.errors import CheckpointError
from avsbench.weights.index import read_index
from avsbench.weights.store import fetch


def run(args: argparse.Namespace) -> None:
    """Run `avsbench fetch`: all that can be had, and an error that names the others."""
    entries = [read_index().find(name) for name in args.names]
    problems = []
    for entry in entries:
        target = None if entry.system else Path('pretrained', entry.file)
        try:
            print(f'{entry.name}: {fetch(entry, target)}')
        except CheckpointError as error:
            problems.append(str(error))
    if problems:
        raise CheckpointError('\n'.join(problems))
