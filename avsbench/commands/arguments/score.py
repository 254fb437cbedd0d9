"""Score masks of any system, saved as PNGs, as a test scores its own.

    avsbench score DIR --subset s4 --data-root data/Single-source
    avsbench score DIR --subset s4 --data-root data/Single-source --probabilities MAPS

Reads the layouts of AVSBench (TPAVI), AVSegFormer and MED-VT, names as AVSBench's labels, and what
`test.sh --save-masks DIR` writes. Binary masks have two values; masks of classes hold indices, a
palette or the classes' colours. Writes results/test.json and results/scores.csv in DIR, of classes
results/confusion.csv as well.
"""

import argparse
from pathlib import Path

from avsbench.options import AUDIO_SUBSETS, SCORED_AT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench score`."""
    parser.add_argument('folder', type=Path, metavar='DIR', help='of the masks')
    parser.add_argument(
        '--subset', required=True, help=f'{", ".join(AUDIO_SUBSETS)}, or a config file'
    )
    parser.add_argument('--data-root', metavar='DIR', help="instead of the config's")
    parser.add_argument('--split', default='test', help='default: %(default)s')
    parser.add_argument(
        '--probabilities',
        nargs='?',
        const='DIR',
        metavar='DIR',
        help='binary: maps of 8-bit probabilities (255 p), which F is taken of; without a folder '
        'the masks themselves are such maps',
    )
    parser.add_argument(
        '--missing',
        choices=('error', 'background'),
        default='error',
        help='what masks that are not there mean (default: %(default)s); background is counted '
        'in the result',
    )
    parser.add_argument(
        '--at',
        choices=SCORED_AT,
        help='where labels and masks differ in size: score at that of these (default: an error, '
        'or as test.sh has scored its masks)',
    )
    parser.add_argument(
        '--count-padded',
        action=argparse.BooleanOptionalAction,
        help='avss: score background for the frames that clips of 5 lack to 10, as AVSBench does '
        '(default), or not, as COMBO does',
    )
    parser.add_argument(
        '--nearest-colour', action='store_true', help='avss: accept colours mixed by resizing'
    )
    parser.add_argument('--layout', help="of the names, e.g. '{clip_id}/{name}_{index}.png'")
    parser.add_argument('--out', type=Path, metavar='DIR', help='instead of DIR/results')
