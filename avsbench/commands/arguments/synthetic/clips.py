"""Make synthetic clips in AVSBench's layout, with ceilings for models that do not listen.

    avsbench synthetic clips --subset all --preset default --out data/synthetic --workers 2

A complete tree with the same settings is left as it is.
"""

import argparse

from avsbench.commands.arguments.synthetic.writing import add_writing_arguments
from avsbench.synthetic import PRESETS, SIZES, SUBSETS, TIERS
from avsbench.synthetic.settings import GRIDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic clips`."""
    add = parser.add_argument
    add('--subset', required=True, choices=(*SUBSETS, 'all'))
    add('--out', required=True, help='each subset gets its own folder in this one')
    add('--preset', default='tiny', choices=PRESETS, help='default: %(default)s')
    add('--size', type=int, default=64, choices=SIZES, help='side of the images, %(default)s')
    add('--seed', type=int, default=0)
    for split, what in (('train', 'clips'), ('val', 'clips'), ('test', 'scenes')):
        text = f'{what} instead of the preset (AVSS: of v2)'
        add(f'--{split}', type=int, metavar='N', help=text)
    add('--write-log-mel', action='store_true', help='also write the log-mel pickles')
    add_writing_arguments(parser)
    _add_hardness(parser)


def _add_hardness(parser: argparse.ArgumentParser) -> None:
    """What makes the clips harder or easier, and the controls."""
    add = parser.add_argument_group('hardness and controls').add_argument
    add(
        '--tier',
        action='append',
        choices=TIERS,
        help='T1 base; T2 two sizes of two classes; T3 a switch every second; T4 nothing visible '
        'sounds in the test clips; may be given several times (default: T1)',
    )
    add('--grid', type=float, default=1.0, choices=GRIDS, help='length of a state in seconds')
    add(
        '--snr',
        type=float,
        default=30.0,
        metavar='DB',
        help='level of the white noise below a source, or inf (default: 30)',
    )
    add('--decoys', type=int, default=0, help='objects that never sound')
    add('--tell', action='store_true', help='control: sounding objects light up, no need to listen')
    add('--state-seed', type=int, help='another seed for the audio: same images, other masks')
