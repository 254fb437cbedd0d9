"""Running a verb of `avsbench` as a process of its own."""

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def command_of(verb: str, *words: str) -> list[str]:
    """The command line that runs a verb with this interpreter."""
    return [sys.executable, '-u', '-m', 'avsbench', verb, *words]


def environment_of() -> dict[str, str]:
    """The environment of a process that is to import the same avsbench as this one."""
    paths = [str(PACKAGE.parent), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))}
