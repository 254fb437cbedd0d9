"""Make synthetic videos in the layouts of DAVIS, MoCA and others, with ceilings for single frames.

    avsbench synthetic trees --subset davis moca --preset default --out data/synthetic

A complete tree with the same settings is left as it is.
"""

import argparse

from avsbench.commands.arguments.synthetic.writing import add_writing_arguments
from avsbench.synthetic import PRESETS, SIZES
from avsbench.synthetic.video import (
    SUBSETS,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic trees`."""
    add = parser.add_argument
    add('--subset', required=True, nargs='+', choices=(*SUBSETS, 'all'))
    add('--out', required=True, help='each data set gets its own folder in this one')
    add('--preset', default='tiny', choices=PRESETS, help='default: %(default)s')
    add('--size', type=int, default=64, choices=SIZES, help='side of the frames, %(default)s')
    add('--seed', type=int, default=0)
    add('--train', type=int, metavar='N', help='videos in train instead of the preset')
    add('--test', type=int, metavar='N', help='scenes in the tested split instead of the preset')
    add('--objects', type=int, metavar='N', help='objects per video, 2 to 4 (not A2D, VSPW)')
    add(
        '--order',
        action='store_true',
        help='control: two objects go round in opposite directions, one of which is marked, so '
        'that only the order of frames tells (not A2D, VSPW: there it tells some classes anyway)',
    )
    add_writing_arguments(parser)
