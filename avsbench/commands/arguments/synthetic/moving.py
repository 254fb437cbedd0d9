"""Show that a network uses motion: train it on synthetic videos, then test it without motion.

    avsbench synthetic moving --subset davis a2d vspw

A single frame of the tested videos does not tell what moves, so a model that sees one frame can't
exceed the ceiling that is stored with the data; nor can a trained one whose clips are one frame,
repeated. Where the order of the frames tells classes apart, they are tested in random order, too.
Prints a table and writes `moving.json`; exit code 0 only if every network exceeds the ceiling by
the margin, and none does without motion.
"""

import argparse
from pathlib import Path

TRAINED = ('davis', 'a2d', 'vspw')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic moving`."""
    parser.add_argument('--subset', nargs='+', choices=TRAINED, default=TRAINED, help='trained on')
    parser.add_argument('--config', default='medvt_demo.py', help='file name below config/SUBSET/')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--again', action='store_true', help='replace earlier trainings in DIR')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', default=Path('work_dir/moving'), help='%(default)s'
    )
