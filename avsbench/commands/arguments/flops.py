"""Parameters, operations and activation memory of a config's network for one clip.

    avsbench flops config/s4/pvt2.py
    avsbench flops config/s4/pvt2.py --frames 10 --size 512

The network is built without weight files and runs on tensors without values, so no clip is too
large for this machine. What is counted is printed with the result.
"""

import argparse

from avsbench.utils.cli import OverrideAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench flops`."""
    parser.add_argument('config', help='a path, also one relative to config/')
    parser.add_argument('--frames', type=int, help="T of the clip; default: the config's")
    parser.add_argument(
        '--size',
        type=int,
        nargs='+',
        metavar='PIXELS',
        help='side length, or height and width; default: the size the config tests at',
    )
    parser.add_argument('--json', action='store_true', help='print the numbers as json instead')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments contradict each other."""
    if args.size is not None and len(args.size) > 2:
        parser.error('--size: expected one number, or height and width')
