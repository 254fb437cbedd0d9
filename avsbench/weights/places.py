"""Where published weights lie on this machine."""

import os
from pathlib import Path

from avsbench.weights.index import PublishedWeights

HOME = 'AVSBENCH_HOME'


def home() -> Path:
    """The folder of what was downloaded: AVSBENCH_HOME, or ~/.cache/avsbench."""
    return Path(os.environ.get(HOME) or Path.home() / '.cache' / 'avsbench').expanduser()


def place_of(entry: PublishedWeights) -> Path:
    """Where the file of published weights is, or is to be put."""
    return home() / 'weights' / entry.file
