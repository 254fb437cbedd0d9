"""Print versions, devices, and where the configs are: what a report of a problem needs.

avsbench info --json
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench info`."""
    parser.add_argument('--json', action='store_true', help='as json instead')
