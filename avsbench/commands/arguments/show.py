"""Draw what a checkpoint predicts: frames, true and predicted masks and audio of test clips.

    avsbench show config/s4/pvt2.py CHECKPOINT --out DIR

Twins in synthetic data, clips with the same frames and different audio, are drawn side by side. Of
a video without sound, some frames are drawn in one image.
"""

import argparse
from pathlib import Path

from avsbench.commands.arguments.network import add_network_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench show`."""
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the images')
    parser.add_argument('--num', type=int, default=6, help='images, spread over the test split')
    parser.add_argument('--overwrite', action='store_true', help='replace images in DIR')
    add_network_arguments(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments contradict each other."""
    if args.num < 1:
        parser.error('--num: expected 1 or more')
