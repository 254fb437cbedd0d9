"""Print versions, devices, and where the configs are: what a report of a problem needs.

    avsbench info
    avsbench info --json

What is not installed, and what there is none of, is left out unless it is json.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench info`."""
    parser.add_argument('--json', action='store_true', help='as json instead')
