"""Make synthetic videos with masks, to try training on custom videos with: docs/custom_data.md.

    avsbench synthetic videos --out data/custom --num 40

Writes DIR/videos/<scene>.mp4 and DIR/masks/<scene>/<second>.png. In each video some shapes lie
about, and one or several sound: the masks mark these. The scenes are those of the synthetic
MS3-like benchmark (`avsbench synthetic clips`).
"""

import argparse
from pathlib import Path

from avsbench.synthetic import SIZES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic videos`."""
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument('--num', type=int, default=40, help='videos (default: %(default)s)')
    parser.add_argument('--size', type=int, choices=SIZES, default=64, help='pixels of a side')
    parser.add_argument('--seed', type=int, default=0)
