"""Check the files of a data set: counts, and what is missing or malformed with how to fix it.

    avsbench data check config/s4/pvt2.py
    avsbench data check s4 --data-root data/Single-source --full

Exit code 0 if every clip can be used, 1 if not.
"""

import argparse

from avsbench.options import SUBSETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench data check`."""
    parser.add_argument(
        'target', metavar='CONFIG|SUBSET', help=f'a config, or {", ".join(SUBSETS)}'
    )
    parser.add_argument('--data-root', metavar='DIR', help="instead of the config's")
    parser.add_argument(
        '--full',
        action='store_true',
        help='decode every file, not only its header and end; fills the log-mel cache, if the '
        'config has one',
    )
