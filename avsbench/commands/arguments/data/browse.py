"""Draw what the pipeline of a config makes of its clips: frames, Maskiges, masks and log-mel.

    avsbench data browse config/s4/combo_pvt2.py --out images
    avsbench data browse config/ms3/demo.py --split val --clips CLIP_ID --out images

These are the inputs of the network, augmented as in training: `--repeat 3` draws each clip three
times, side by side. Pixels without a class are dark grey.
"""

import argparse
from pathlib import Path

from avsbench.options import SPLITS
from avsbench.utils.cli import OverrideAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench data browse`."""
    parser.add_argument('config', help='a path, also one relative to config/')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the images')
    parser.add_argument('--split', choices=SPLITS, default='train')
    parser.add_argument('--num', type=int, default=6, help='clips, spread over the split')
    parser.add_argument('--clips', nargs='+', metavar='ID', help='these clips instead')
    parser.add_argument('--repeat', type=int, default=1, help='how often each clip is drawn')
    parser.add_argument('--seed', type=int, default=0, help='of the augmentation')
    parser.add_argument('--overwrite', action='store_true', help='replace images in DIR')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments contradict each other."""
    if min(args.num, args.repeat) < 1:
        parser.error('--num and --repeat: expected 1 or more')
