"""The work of `avsbench curves`."""

import argparse
from fnmatch import fnmatchcase
from pathlib import Path

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
from avsbench.utils.errors import DataError
from avsbench.utils.files import atomic_write
from avsbench.utils.folders import check_writable
from avsbench.utils.text import read_json
from avsbench.visualization.curves import best_position, curve_names, draw_curves
from avsbench.visualization.reference_figure import draw_against_reference, seeds_text

REFERENCES = Path(__file__).resolve().parents[2] / 'docs' / 'reference'  # of a checkout
AUTO = 'auto'


def run(args: argparse.Namespace) -> None:
    """Run `avsbench curves`."""
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
    """The last value of each curve, and the best one of what validations log."""
    unit = 'epoch' if run.by_epoch else 'iteration'
    lines = [f'{run.name}: {run.train.index[-1]} iterations, {len(run.val)} validations']
    for name in names:
        values = run.train.get(name, pd.Series(dtype=float)).dropna()
        if len(values):
            lines.append(f'  {name:16} last {values.iloc[-1]:.4g}')
        column = run.validation_of(name)
        values = pd.Series(dtype=float) if column is None else run.val[column].dropna()
        if len(values):
            best = best_position(name, values)
            text = f'last {values.iloc[-1]:.4g}, best {values[best]:.4g} ({unit} {best})'
            where = ' in validations' if name in run.train else ''
            lines.append(f'  {name + where:16} {text}')
    return lines
