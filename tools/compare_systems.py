"""Compare all systems, made small, on the synthetic benchmark.

    python tools/compare_systems.py --subset s4 ms3

Trains the demo config of each system on the same clips and prints one table: parameters, operations
for a clip, J and F on the twin test split, minutes of training, and how much of J is owed to the
audio. A finished training is kept and not done again; the table is written as Markdown, too. None
of the numbers is comparable with AVSBench's, nor do they rank the published systems.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT)]

from rich.console import Console
from rich.table import Table
from synthetic_data.listening import Run, listen
from synthetic_data.scripts import check_trainings

from avsbench.analysis.complexity import complexity
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.registry import SYSTEMS
from avsbench.synthetic import load_ceilings
from avsbench.utils.cli import run_command
from avsbench.utils.files import write_json, write_text
from avsbench.utils.text import read_json

COLUMNS = ('system', 'params', 'GFLOPs', 'J', 'F', 'J muted', 'owed to sound', 'minutes')
RECORD = 'listening.json'  # in the work dir of a training that is finished and tested


def parse_args() -> argparse.Namespace:
    SYSTEMS.import_from_location()
    names = sorted(SYSTEMS.module_dict)
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--subset', nargs='+', choices=('s4', 'ms3'), default=['s4'])
    parser.add_argument('--systems', nargs='+', choices=names, default=names)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--again', action='store_true', help='train again what is finished')
    parser.add_argument('--out', type=Path, default=Path('work_dir/comparison'))
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    unfinished = [
        work_dir
        for subset in args.subset
        for system in args.systems
        if not (work_dir := _work_dir(subset, system, args)).joinpath(RECORD).is_file()
    ]
    check_trainings([args.seed], unfinished, again=args.again)
    for subset in args.subset:
        rows = []
        for system in args.systems:
            rows.append(_row(subset, system, args))
            print(dict(zip(COLUMNS, rows[-1], strict=True)), flush=True)
        _show(subset, rows, args)
    return 0


def _row(subset: str, system: str, args: argparse.Namespace) -> tuple[str, ...]:
    """One line of the table; trains the small config of the system unless that is done."""
    name = f'{system}_demo.py'
    cfg = load_config(config_file(f'{subset}/{name}'))
    cost = complexity(cfg)
    work_dir = _work_dir(subset, system, args)
    record = work_dir / RECORD
    if record.is_file() and not args.again:
        run = Run(**read_json(record))
    else:
        run = listen(subset, name, args.seed, work_dir)
        write_json(record, asdict(run))
    return (
        SYSTEMS.module_dict[system].title,
        f'{cost.params / 1e6:.1f} M',
        f'{cost.flops / 1e9:.2f}',
        f'{run.score:.3f}',
        f'{run.f_score:.3f}',
        f'{run.score_when_muted:.3f}',
        f'{run.score - run.score_when_muted:.3f}',
        f'{run.minutes:.1f}',
    )


def _work_dir(subset: str, system: str, args: argparse.Namespace) -> Path:
    return args.out / subset / f'{system}_demo_seed{args.seed}'


def _show(subset: str, rows: list[tuple[str, ...]], args: argparse.Namespace) -> None:
    ceiling = _ceilings(subset)
    title = f'{subset}-like twin test split, seed {args.seed}; {ceiling}'
    table = Table(*COLUMNS, title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    lines = [COLUMNS, ('---',) * len(COLUMNS), *rows]
    text = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    target = args.out / f'{subset}.md'
    write_text(target, f'{title}\n\n{text}\n')
    print(f'written to {target}')


def _ceilings(subset: str) -> str:
    """What a model reaches at most that ignores the audio, or its order in time."""
    cfg = load_config(config_file(f'{subset}/demo.py'))
    test = load_ceilings(cfg.data_root)['test']
    deaf, timeless = (test[kind]['bound_J'] for kind in ('audio_blind', 'time_blind'))
    return f'ceilings of J: {deaf:.3f} without sound, {timeless:.3f} without time'


if __name__ == '__main__':
    run_command(main)
