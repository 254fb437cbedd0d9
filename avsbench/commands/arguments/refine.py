"""Refine the masks of a finished test on DAVIS by the dense CRF, and score them.

    bash test.sh davis config/davis/medvt_swinb.py CHECKPOINT --save-masks results/davis
    avsbench refine results/davis --data-root data/DAVIS

Reads the probability maps in results/davis/logits, writes masks to results/davis/crf_mask and
prints the scores, as `bash test.sh davis ... --crf --save-masks results/davis` does at once.
"""

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench refine`."""
    parser.add_argument('folder', type=Path, metavar='DIR', help='that of --save-masks')
    parser.add_argument('--data-root', default='data/DAVIS', help='default: %(default)s')
    parser.add_argument('--split', default='val', help='default: %(default)s')
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace masks that are there')
