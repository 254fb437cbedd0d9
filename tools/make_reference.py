"""Make reference curves of configs from trainings with several seeds.

    python tools/make_reference.py work_dir/comparison/s4/*_demo_seed*

Groups the work dirs by config, and writes `docs/reference/<subset>_<config>.json` for each:
losses and headline metrics by epoch for each seed, with commit and hashes of the data.
`tools/analyze_logs.py RUN --reference` draws a training against them. Trainings that have not
finished are left out, and named. `--add` adds seeds to the references that are there.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsbench.reproduction.bundle import Bundle, describe_work_dir, to_text
from avsbench.reproduction.reference import (
    Reference,
    is_whole,
    make_reference,
    read_reference,
    settings_hash,
)
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_text

Training = tuple[Path, Bundle]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'reference', metavar='DIR')
    there = parser.add_mutually_exclusive_group()
    there.add_argument('--overwrite', action='store_true', help='replace references')
    there.add_argument('--add', action='store_true', help='add seeds to references')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    groups: dict[tuple, list[Training]] = {}
    for path in args.runs:
        bundle = describe_work_dir(path)
        if not is_whole(bundle):
            print(f'{path}: has not finished, left out')
            continue
        if not isinstance(bundle.run['seed'], int) or not bundle.run.get('config_file'):
            raise DataError(f'{path}: neither a bundle nor results/val.json tell seed and config')
        key = (bundle.run['config_file'], settings_hash(bundle.config))
        groups.setdefault(key, []).append((path, bundle))
    if not groups:
        raise DataError('no finished training among these work dirs')
    targets = [args.out / f'{Path(name).parent}_{Path(name).stem}.json' for name, _ in groups]
    if len(set(targets)) < len(targets):
        raise DataError('work dirs of one config file with different settings: choose some of them')
    for target in targets:
        if target.exists() and not args.overwrite and not args.add:
            raise DataError(f'{target}: exists; pass --overwrite, or --add to add seeds to it')
    for target, trainings in zip(targets, groups.values(), strict=True):
        reference = make_reference(
            [bundle for _, bundle in trainings], [str(path) for path, _ in trainings]
        )
        if args.add and target.exists():
            reference = joined(read_reference(target), reference, target)
        write_text(target, to_text(reference.to_json()))
        print(f'{target}: seeds {", ".join(map(str, reference.seeds))}')


def joined(first: Reference, second: Reference, target: Path) -> Reference:
    """A reference with the seeds of two.

    Raises:
        DataError: They are of other settings or data, or have a seed in common.
    """
    for name in ('settings', 'data'):
        if getattr(first, name) != getattr(second, name):
            raise DataError(f'{target}: is of other {name} than these trainings; use --overwrite')
    common = set(first.seeds) & set(second.seeds)
    if common:
        raise DataError(f'{target}: has seed {min(common)} already; leave it out')
    pairs = [pair for r in (first, second) for pair in zip(r.runs, r.curves, strict=True)]
    pairs.sort(key=lambda pair: pair[0]['seed'])
    runs, curves = zip(*pairs, strict=True)
    return Reference(first.config, first.settings, first.data, runs, curves)


if __name__ == '__main__':
    run_command(main)
