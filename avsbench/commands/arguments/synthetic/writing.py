"""The arguments of commands that write synthetic data."""

import argparse
import os


def add_writing_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--workers` and `--overwrite`."""
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)'
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace an earlier synthetic tree, or write beside foreign files; deletes nothing '
        'that it has not made',
    )
