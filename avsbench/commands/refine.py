"""The work of `avsbench refine`."""

import argparse

from avsbench.datasets.video import DAVISDataset
from avsbench.evaluation import format_table
from avsbench.evaluation.video.refinement import (
    REFINED,
    davis_numbers,
    refine,
    refinement_tasks,
)
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.folders import check_writable


def run(args: argparse.Namespace) -> None:
    """Run `avsbench refine`."""
    if args.workers < 0:
        raise ConfigError(f'--workers: got {args.workers}, expected 0 or more')
    masks = args.folder / REFINED.split('/')[0]
    if masks.exists() and not args.overwrite:
        raise DataError(f'{masks}: is there already; remove it, or pass --overwrite')
    dataset = DAVISDataset(args.data_root, args.split, test_mode=True)
    tasks = refinement_tasks(dataset.clip_infos(), args.folder)
    check_writable(args.folder, 'folder of masks', 'make it writable')
    numbers = davis_numbers(refine(tasks, args.workers))
    print(f'{len(tasks)} masks in {masks}\n{format_table(numbers)}')
