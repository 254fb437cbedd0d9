"""Show on videos that the masks follow the audio: the same images, other audio, other objects.

    avsbench synthetic twins config/s4/demo.py work_dir/s4/demo/best_mIoU.pth --out DIR

Scenes of the synthetic test split come in twins, with the same images and other audio. An mp4 is
made of each twin and segmented as `avsbench video` does. J (mean IoU) is taken against the
true masks of the twin itself and of the other ones; exit code 0 only if the former is larger for
most of the twins. DIR keeps the videos and their overlays.
"""

import argparse
from pathlib import Path

from avsbench.utils.cli import OverrideAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic twins`."""
    parser.add_argument('config', type=Path, help='of S4 or MS3, on synthetic data')
    parser.add_argument('checkpoint')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument('--num', type=int, default=10, help='scenes (default: %(default)s)')
    parser.add_argument('--overwrite', action='store_true', help='replace videos in DIR')
    parser.add_argument('--device', help='default: cuda where there is one, else cpu')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
