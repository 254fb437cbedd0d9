"""Read damaged files with the toolbox's readers; print what they should not do with them.

    python -m tests.fuzz --format png --count 5000 --seed 1

A finding is printed with its number; its file is kept, and `--start NUMBER --count 1` with the same
seed reads it once more. Exit code 1 if there are findings. Linux only.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from fuzz_formats import FORMATS  # noqa: E402
from fuzz_harness import run, summary  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--format', nargs='+', choices=FORMATS, default=list(FORMATS))
    parser.add_argument('--count', type=int, default=100, help='files of each format')
    parser.add_argument('--start', type=int, default=0, help='number of the first file')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--keep', type=Path, default=Path('work_dir/fuzz'), help='for findings')
    parser.add_argument('--json', type=Path, help='write all cases to this file')
    args = parser.parse_args()
    indices = range(args.start, args.start + args.count)
    cases = []
    for case in run(args.format, indices, args.seed, args.keep.resolve()):
        cases.append(case)
        if case.result == 'finding':
            print(f'{case.form} --seed {args.seed} --start {case.index}: {case.text}', flush=True)
    print(summary(cases))
    if args.json:
        args.json.write_text(json.dumps([asdict(case) for case in cases]))
    return any(case.result == 'finding' for case in cases)


if __name__ == '__main__':
    sys.exit(main())
