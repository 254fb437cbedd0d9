"""The work of `avsbench analyze`."""

import argparse

import pandas as pd

from avsbench.analysis.breakdown import breakdown, confused_pairs
from avsbench.analysis.comparison import read_confusion, read_result
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_text
from avsbench.visualization.breakdown_figure import draw_breakdown, draw_confusion

SHOWN = 10  # confused pairs that are printed


def run(args: argparse.Namespace) -> None:
    """Run `avsbench analyze`."""
    result = read_result(args.result)
    out = args.out or result.path.parent / 'breakdown'
    if out.exists() and any(out.iterdir()) and not args.overwrite:
        raise DataError(f'{out}: is not empty; choose another folder with --out, or --overwrite')
    tables = breakdown(result)
    split = (result.entry.get('data') or {}).get('split')
    title = f'{result.entry.get("subset")}, split {split}: {result.path}'
    figures = {'breakdown.png': draw_breakdown(tables, title)}
    if result.semantic:
        confusion = read_confusion(result)
        tables['confused'] = confused_pairs(confusion)
        figures['confusion.png'] = draw_confusion(confusion, title)
    for name, table in tables.items():
        write_text(out / f'{name}.csv', table.to_csv(index=False, float_format='%.6f'))
        print(f'\n{name}\n{shown(table)}')
    for name, figure in figures.items():
        figure.savefig(out / name, dpi=110)
    print(f'\nwritten to {out}: {", ".join([*(f"{name}.csv" for name in tables), *figures])}')


def shown(table: pd.DataFrame) -> str:
    """A table as text; of a long one the first lines."""
    text = table.head(SHOWN).to_string(index=False, float_format=lambda value: f'{value:.4f}')
    return text if len(table) <= SHOWN else f'{text}\n... and {len(table) - SHOWN} more'
