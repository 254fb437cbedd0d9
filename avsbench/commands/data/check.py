"""The work of `avsbench data check`."""

import argparse

from avsbench.datasets import BaseClipDataset
from avsbench.datasets.opening import dataset_configs
from avsbench.datasets.validation import find_repeated
from avsbench.media.faults import describe
from avsbench.registry import DATASETS
from avsbench.utils.errors import DataError, examples
from avsbench.utils.parallel import show_progress


def run(args: argparse.Namespace) -> int:
    """Run `avsbench data check`."""
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
