"""Show that our code equals the published one on parity fixtures.

    avsbench parity tests/parity/avsegformer_*.json
    avsbench parity FIXTURE.json --config CONFIG.py    # of a system of your own
    avsbench parity tests/parity/*.json --document docs/parity_coverage.md

Prints a line for each stored output, loss and gradient norm; exit code 0 only if all pass.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench parity`."""
    parser.add_argument('fixtures', nargs='+', metavar='FIXTURE.json')
    parser.add_argument(
        '--config',
        help='config to build the network from; its custom_imports may register the system',
    )
    parser.add_argument(
        '--document',
        type=Path,
        metavar='FILE.md',
        help='document of what the fixtures cover, in which their rows are replaced',
    )
