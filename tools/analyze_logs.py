"""Draw the curves of one or several trainings: losses, learning rate and metrics.

    python tools/analyze_logs.py work_dir/s4/pvt2 work_dir/s4/res50
    python tools/analyze_logs.py work_dir/s4/pvt2 --keys 'loss*' mIoU 'F_b*' --smooth 20
    python tools/analyze_logs.py work_dir/s4/demo --reference

Each argument is a work dir (resumed trainings are joined), one of the time-stamped folders in it,
or a scalars.json. The best and the last value of each metric are printed. With --reference, work
dirs are drawn against the curves of earlier trainings of the same config, and it is said whether
they lie inside their spread; docs/reference holds those of the small configs.
"""

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pandas as pd
from matplotlib.figure import Figure

from avsbench.analysis.curves import curves_of
from avsbench.analysis.run_logs import RunLog, read_run
from avsbench.reproduction.bundle import FOLDER, config_of_work_dir
from avsbench.reproduction.reference import (
    Reference,
    find_reference,
    hashes,
    read_reference,
    settings_hash,
    shared_curves,
    verdict,
)
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError
from avsbench.utils.files import atomic_write
from avsbench.utils.folders import check_writable
from avsbench.utils.text import read_json
from avsbench.visualization.curves import curve_names, draw_curves
from avsbench.visualization.reference_figure import draw_against_reference, seeds_text

REFERENCES = ROOT / 'docs' / 'reference'
AUTO = 'auto'


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
    parser.add_argument(
        '--reference',
        nargs='?',
        const=AUTO,
        metavar='JSON',
        help='compare with reference curves; without a file, those of the config in docs/reference',
    )
    args = parser.parse_args()
    if args.reference and args.smooth > 1:
        parser.error('--smooth: reference curves are by epoch, there is nothing to smooth')
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
    if args.reference:
        figure = against_reference(runs, args)
    else:
        figure = own_curves(runs, args)
    with atomic_write(args.out) as temporary:
        figure.savefig(temporary, format='png', dpi=110)
    print(f'curves: {args.out}')


def own_curves(runs: list[RunLog], args: argparse.Namespace) -> Figure:
    """Draw trainings, and print the ends of their curves."""
    names = curve_names(runs, args.keys)
    for run in runs:
        print('\n'.join(summary(run, names)))
    return draw_curves(runs, names, args.smooth)


def against_reference(runs: list[RunLog], args: argparse.Namespace) -> Figure:
    """Draw trainings against the reference of their config, and print whether they are like it."""
    configs = [config_of_work_dir(path) for path in args.runs]
    path = Path(args.reference) if args.reference != AUTO else reference_of(configs, args.runs)
    reference = read_reference(path)
    names = [name for name in shared_curves(reference) if matches(name, args.keys)]
    if not names:
        raise DataError(f'{path}: no curve {args.keys}; it has {shared_curves(reference)}')
    print(f'{path}: {reference.config}, {seeds_text(reference)}')
    for run, source, config in zip(runs, args.runs, configs, strict=True):
        print(f'{run.name}:')
        if settings_hash(config) != reference.settings:
            print('  note: its settings are not those of the reference')
        if not same_data(source, reference):
            print('  note: its data are not those of the reference')
        for name in names:
            print(f'  {verdict(reference, curves_of(run), name)}')
    return draw_against_reference(reference, {r.name: curves_of(r) for r in runs}, names)


def reference_of(configs: list[dict], runs: list[Path]) -> Path:
    """The file of the reference that has the settings of all these trainings."""
    found = [find_reference(REFERENCES, config) for config in configs]
    for path, run in zip(found, runs, strict=True):
        if path is None or path != found[0]:
            there = ', '.join(path.name for path in sorted(REFERENCES.glob('*.json'))) or 'none'
            raise DataError(
                f'{run}: no reference has its settings, or another one than {runs[0]} (there '
                f'are: {there}); name one with --reference JSON to compare all the same, or make '
                'one with tools/make_reference.py'
            )
    return found[0]


def same_data(work_dir: Path, reference: Reference) -> bool:
    """Whether a training had the data of a reference; of one without a bundle none can tell."""
    path = work_dir / FOLDER / 'data.json'
    return not path.is_file() or hashes(read_json(path)) == reference.data


def matches(name: str, patterns: list[str]) -> bool:
    """Whether one of the patterns, if any, is that of the curve."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


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
