"""Check the files of a data set: counts, and what is missing or malformed with how to fix it.

    python tools/check_dataset.py config/s4/pvt2.py
    python tools/check_dataset.py s4 --data-root data/Single-source --full

Exit code 0 if every clip can be used, 1 if not.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.datasets import BaseClipDataset
from avsbench.datasets.opening import SUBSETS, dataset_configs
from avsbench.datasets.validation import find_repeated
from avsbench.media.faults import describe
from avsbench.registry import DATASETS
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError, examples
from avsbench.utils.parallel import show_progress


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'target', metavar='CONFIG|SUBSET', help=f'a config, or {", ".join(SUBSETS)}'
    )
    parser.add_argument('--data-root', metavar='DIR', help="instead of the config's")
    parser.add_argument(
        '--full',
        action='store_true',
        help='decode every file, not only its header and end; fills the log-mel cache, if the '
        'config has one',
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    level = 'full' if args.full else 'fast'
    healthy, checked = True, {}
    for split, config in dataset_configs(args.target, args.data_root).items():
        try:
            dataset = DATASETS.build(config)
        except DataError as error:
            print(f'{split}: {error}')
            healthy = False
            continue
        steps = dataset.check_files(level)
        dataset.checks = list(show_progress(steps, dataset.num_checked(), split))
        broken = [check for check in dataset.checks if check.faults]
        checked[split] = dataset
        healthy &= not broken
        print(f'{split}: {summarise(dataset)}')
        if broken:
            units = dataset.checked_units
            print(f'  {len(broken)} {units} cannot be used:\n{describe(broken, units)}')
            for command in dataset.fix_commands(broken):
                print(f'  To make what is missing: {command}')
    for text in find_repeated(checked, by_content=args.full):
        print(f'warning: {text}')
    print('every clip can be used' if healthy else 'NOT every clip can be used')
    return 0 if healthy else 1


def summarise(dataset: BaseClipDataset) -> str:
    """The counts of a split in one line."""
    counts = dataset.summary()
    parts = [f'{counts[key]} {key}' for key in ('videos', 'clips') if key in counts]
    parts.append(f'{counts["frames"]} frames ({counts["annotated_frames"]} annotated)')
    if 'audio' in counts:
        parts.append(
            f'log-mel stored for {counts["audio"].get("log_mel", 0)}, '
            f'from wav for {counts["audio"].get("wav", 0)} '
            f'({counts["padded_audio"]} too short, {counts["cut_audio"]} too long)'
        )
    for key in ('labels', 'label_source'):
        if key in counts:
            parts.append(examples(f'{count} {name}' for name, count in counts[key].items()))
    return '; '.join(parts)


if __name__ == '__main__':
    run_command(main)
