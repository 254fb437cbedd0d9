"""Make docs/zoo.md and the tables of docs/weights.md from the index of published weights.

    python tools/zoo.py

The index is avsbench/weights/index.yaml; published numbers come from the leaderboard's csv, hours
from the measured rows in docs/benchmarks.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsbench.analysis.zoo import make_zoo
from avsbench.utils.cli import run_command
from avsbench.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--docs', type=Path, default=ROOT / 'docs', metavar='DIR')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    for name, text in make_zoo(args.docs).items():
        write_text(args.docs / name, text)
        print(f'written: {args.docs / name}')


if __name__ == '__main__':
    run_command(main)
