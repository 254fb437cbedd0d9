"""One result in parts: by class, by area of the object, by number of sources, and what is confused.

    python tools/analyze_results.py work_dir/avss/pvt2
    python tools/analyze_results.py masks_of_another_system/results/test.json --out parts

The result is a work dir, a folder of results, or a test.json, as test.sh and tools/score_masks.py
leave them. Writes areas.csv, sources.csv, classes.csv and breakdown.png; where masks have classes,
confused.csv (which is taken for which) and confusion.png as well.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from avsbench.analysis.breakdown import breakdown, confused_pairs
from avsbench.analysis.comparison import read_confusion, read_result
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_text
from avsbench.visualization.breakdown_figure import draw_breakdown, draw_confusion

SHOWN = 10  # confused pairs that are printed


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('result', metavar='RESULT')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='default: breakdown/ beside the result'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
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


if __name__ == '__main__':
    run_command(main)
