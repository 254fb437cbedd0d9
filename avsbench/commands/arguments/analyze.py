"""One result in parts: by class, by area of the object, by number of sources, and what is confused.

    avsbench analyze work_dir/avss/pvt2
    avsbench analyze masks_of_another_system/results/test.json --out parts

The result is a work dir, a folder of results, or a test.json, as test.sh and `avsbench score`
leave them. Writes areas.csv, sources.csv, classes.csv and breakdown.png; where masks have classes,
confused.csv (which is taken for which) and confusion.png as well.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench analyze`."""
    parser.add_argument('result', metavar='RESULT')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='default: breakdown/ beside the result'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
