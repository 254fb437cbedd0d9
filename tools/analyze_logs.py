"""Draw the curves of one or several trainings: losses, learning rate and metrics.

    python tools/analyze_logs.py work_dir/s4/pvt2 work_dir/s4/res50
    python tools/analyze_logs.py work_dir/s4/pvt2 --keys 'loss*' mIoU 'F_b*' --smooth 20

Each argument is a work dir (resumed trainings are joined), one of the time-stamped folders in it,
or a scalars.json. The best and the last value of each metric are printed.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from avsbench.analysis.run_logs import RunLog, read_run
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError
from avsbench.utils.files import atomic_write
from avsbench.utils.folders import check_writable
from avsbench.visualization.curves import curve_names, draw_curves


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', type=Path, metavar='RUN')
    parser.add_argument('--out', type=Path, default=Path('curves.png'), metavar='PNG')
    parser.add_argument('--overwrite', action='store_true', help='replace the image')
    parser.add_argument('--keys', nargs='+', default=[], help="curves; patterns such as 'loss*'")
    parser.add_argument('--names', nargs='+', default=[], help='one per run; default: its folder')
    parser.add_argument(
        '--smooth', type=int, default=1, metavar='N', help='running mean over N training records'
    )
    args = parser.parse_args()
    if args.smooth < 1:
        parser.error('--smooth: expected 1 or more')
    if args.names and len(args.names) != len(args.runs):
        parser.error(f'--names: {len(args.names)} names for {len(args.runs)} runs')
    return args


def main() -> None:
    args = parse_args()
    if args.out.suffix != '.png':
        raise DataError(f'--out {args.out}: expected a name that ends in .png')
    if args.out.exists() and not args.overwrite:
        raise DataError(f'{args.out}: exists; choose another name, or pass --overwrite')
    check_writable(args.out.parent, 'folder of the image', 'choose another --out')
    runs = [read_run(path) for path in args.runs]
    if args.names:
        named = zip(args.names, runs, strict=True)
        runs = [RunLog(name, run.train, run.val, run.by_epoch) for name, run in named]
    names = curve_names(runs, args.keys)
    for run in runs:
        print('\n'.join(summary(run, names)))
    with atomic_write(args.out) as temporary:
        draw_curves(runs, names, args.smooth).savefig(temporary, format='png', dpi=110)
    print(f'curves: {args.out}')


def summary(run: RunLog, names: list[str]) -> list[str]:
    """The last value of each curve, and the best one of each metric."""
    unit = 'epoch' if run.by_epoch else 'iteration'
    lines = [f'{run.name}: {run.train.index[-1]} iterations, {len(run.val)} validations']
    for name in names:
        values = run.train.get(name, run.val.get(name, pd.Series(dtype=float))).dropna()
        if not len(values):
            continue
        text = f'  {name:16} last {values.iloc[-1]:.4g}'
        if name not in run.train:
            text += f', best {values.max():.4g} ({unit} {values.idxmax()})'
        lines.append(text)
    return lines


if __name__ == '__main__':
    run_command(main)
