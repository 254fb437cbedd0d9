"""Show that a model listens: train it on the synthetic benchmark, with sound and muted.

    python tools/listening_check.py --subset s4 ms3 --seeds 0 1 2

Each picture of the test split comes with several sounds whose masks are disjoint, so a model that
does not listen can't exceed the ceiling that is stored with the data. Prints a table and writes
`listening.json`; exit code 0 only if the mean over the seeds exceeds the ceiling by the margin and
every muted run stays at or below it.
"""

import argparse
import json
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console
from rich.table import Table

from avsbench.synthetic.listening import Run, listen
from avsbench.utils.cli import run_command

MARGINS = {'s4': 0.20, 'ms3': 0.10}  # above the ceiling of a model that does not listen
NUMERICAL = 1e-6  # the bound itself may be met


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--subset', nargs='+', choices=sorted(MARGINS), default=sorted(MARGINS))
    parser.add_argument('--config', default='demo.py', help='file name below config/SUBSET/')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--muted-seeds', nargs='*', type=int, default=[0])
    parser.add_argument(
        '--margin', type=float, help='J above the ceiling to reach; default: 0.20 s4, 0.10 ms3'
    )
    parser.add_argument('--out', type=Path, default=Path('work_dir/listening'))
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    runs = []
    for subset in args.subset:
        for muted, seeds in ((False, args.seeds), (True, args.muted_seeds)):
            for seed in seeds:
                work_dir = args.out / subset / f'{"muted" if muted else "heard"}_seed{seed}'
                runs.append(listen(subset, args.config, seed, work_dir, muted=muted))
                print(runs[-1], flush=True)
    margins = MARGINS if args.margin is None else dict.fromkeys(MARGINS, args.margin)
    _print_table(runs, margins)
    args.out.mkdir(parents=True, exist_ok=True)
    report = args.out / 'listening.json'
    report.write_text(json.dumps([asdict(run) for run in runs], indent=2) + '\n')
    print(f'written to {report}')
    return 0 if all(_verdicts(runs, subset, margins) for subset in args.subset) else 1


def _verdicts(runs: list[Run], subset: str, margins: dict[str, float]) -> bool:
    """Whether the heard runs of a subset reach their margin and the muted ones their ceiling."""
    own = [run for run in runs if run.subset == subset]
    heard = [run.score for run in own if not run.muted]
    ceiling = own[0].ceiling
    deaf = [run.score for run in own if run.muted] + [run.score_when_muted for run in own]
    return statistics.mean(heard) >= ceiling + margins[subset] and all(
        score <= ceiling + NUMERICAL for score in deaf
    )


def _print_table(runs: list[Run], margins: dict[str, float]) -> None:
    columns = ('subset', 'trained', 'seed', 'minutes', 'J', 'J when muted in the test', 'ceiling')
    table = Table(*columns, title='J on the twin test split')
    for run in runs:
        table.add_row(
            run.subset,
            'muted' if run.muted else 'with sound',
            str(run.seed),
            f'{run.minutes:.1f}',
            f'{run.score:.4f}',
            f'{run.score_when_muted:.4f}',
            f'{run.ceiling:.4f}',
        )
    Console().print(table)
    for subset in dict.fromkeys(run.subset for run in runs):
        heard = [run.score for run in runs if run.subset == subset and not run.muted]
        wanted = next(run.ceiling for run in runs if run.subset == subset) + margins[subset]
        verdict = 'passed' if _verdicts(runs, subset, margins) else 'NOT passed'
        print(f'{subset}: mean J {statistics.mean(heard):.4f}, wanted {wanted:.4f}: {verdict}')


if __name__ == '__main__':
    run_command(main)
