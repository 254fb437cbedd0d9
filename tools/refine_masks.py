"""Refine the masks of a finished test on DAVIS by the dense CRF, and score them.

    bash test.sh davis config/davis/medvt_swinb.py CHECKPOINT --save-masks results/davis
    python tools/refine_masks.py results/davis --data-root data/DAVIS

Reads the probability maps in results/davis/logits, writes masks to results/davis/crf_mask and
prints the scores, as `bash test.sh davis ... --crf --save-masks results/davis` does at once.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.datasets.video import DAVISDataset
from avsbench.evaluation import format_table
from avsbench.evaluation.video.refinement import (
    REFINED,
    davis_numbers,
    refine,
    refinement_tasks,
)
from avsbench.utils.cli import run_command
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.folders import check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folder', type=Path, metavar='DIR', help='that of --save-masks')
    parser.add_argument('--data-root', default='data/DAVIS', help='default: %(default)s')
    parser.add_argument('--split', choices=DAVISDataset.splits, default='val')
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace masks that are there')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
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


if __name__ == '__main__':
    run_command(main)
