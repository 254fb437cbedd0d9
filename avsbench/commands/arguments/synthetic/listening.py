"""Show that a network listens: train it on the synthetic benchmark, with audio and muted.

    avsbench synthetic listening --subset s4 ms3 --seeds 0 1 2

The same images come with several soundtracks in the test split, and their masks are disjoint, so a
model that does not listen can't exceed the ceiling that is stored with the data. Prints a table and
writes `listening.json`; exit code 0 only if the mean over the seeds exceeds the ceiling by the
margin and every muted run stays at or below it.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic listening`."""
    parser.add_argument('--subset', nargs='+', choices=('ms3', 's4'), default=['ms3', 's4'])
    parser.add_argument('--config', default='demo.py', help='file name below config/SUBSET/')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--muted-seeds', nargs='*', type=int, default=[0])
    parser.add_argument(
        '--margin', type=float, help='J above the ceiling to reach; default: 0.20 s4, 0.10 ms3'
    )
    parser.add_argument('--again', action='store_true', help='replace earlier trainings in DIR')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', default=Path('work_dir/listening'), help='%(default)s'
    )
