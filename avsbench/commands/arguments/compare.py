"""Compare results of tests on the same clips: intervals, tests, and who wins where.

    avsbench compare work_dir/s4/pvt2 work_dir/s4/res50
    avsbench compare --system A seeds/a0 seeds/a1 --system B seeds/b0 seeds/b1

Each argument is a work dir, a folder of results, or a test.json, as test.sh and
`avsbench score` leave them. Results of one system trained with several seeds follow --system
and its name; the intervals then hold for training anew as well. Writes tables (Markdown, csv) and a
picture.
"""

import argparse
from pathlib import Path

from avsbench.options import INTERVALS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench compare`."""
    parser.add_argument('results', nargs='*', metavar='RESULT', help='one of each system')
    parser.add_argument(
        '--system',
        nargs='+',
        action='append',
        default=[],
        metavar=('NAME', 'RESULT'),
        help='a system, and its results with one or several seeds',
    )
    parser.add_argument(
        '--names', nargs='+', default=[], help='one per RESULT; default: its folder'
    )
    parser.add_argument(
        '--seeds',
        action=argparse.BooleanOptionalAction,
        help='resample seeds, too; default: where every system has several',
    )
    parser.add_argument('--interval', choices=INTERVALS, help='default: bca; percentile with seeds')
    parser.add_argument('--level', type=float, default=0.95, help='default: %(default)s')
    parser.add_argument('--resamples', type=int, default=10_000, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--out', type=Path, default=Path('comparison'), metavar='DIR')
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier comparison')
