"""Make the leaderboard, docs/leaderboard.md and docs/leaderboard.html, or add a result to it.

    python tools/leaderboard.py
    python tools/leaderboard.py --add work_dir/s4/pvt2 --system AVSegFormer --backbone PVTv2-B5

Published numbers come from docs/leaderboard/published.csv, each with its source. A result of a test
(test.sh, tools/score_masks.py) on the test split of AVSBench is added as a small json in
docs/leaderboard/measured; one of synthetic data stands in tables of its own.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsbench.analysis.leaderboard import add_result, make_pages
from avsbench.utils.cli import run_command
from avsbench.utils.errors import ConfigError
from avsbench.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--add', metavar='RESULT', help='a work dir, a folder of results, or a test.json')
    add('--system', help='name of the system that is added')
    add('--backbone', help='and of its backbone')
    add('--note', default='', help='what else the reader of the result has to know')
    add('--data', type=Path, default=ROOT / 'docs' / 'leaderboard', metavar='DIR')
    add('--out', type=Path, default=ROOT / 'docs', metavar='DIR', help='of the pages')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    given = [args.add, args.system, args.backbone]
    if any(given) and not all(given):
        raise ConfigError('a result needs all of --add, --system and --backbone')
    if args.add:
        target = add_result(args.add, args.data / 'measured', args.system, args.backbone, args.note)
        print(f'added as {target}')
    for name, text in make_pages(args.data).items():
        write_text(args.out / name, text)
        print(f'written: {args.out / name}')


if __name__ == '__main__':
    run_command(main)
