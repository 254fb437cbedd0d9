"""Score masks of any system, saved as PNGs, as a test scores its own.

    python tools/score_masks.py DIR --subset s4 --data-root data/Single-source
    python tools/score_masks.py DIR --subset s4 --data-root data/Single-source --probabilities MAPS

Reads the layouts of AVSBench (TPAVI), AVSegFormer and MED-VT, names as AVSBench's labels, and what
`test.sh --save-masks DIR` writes. Binary masks have two values; masks of classes hold indices, a
palette or the classes' colours. Writes results/test.json and results/scores.csv in DIR, of classes
results/confusion.csv as well.
"""

import argparse
import datetime
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.opening import AUDIO_SUBSETS, dataset_configs
from avsbench.evaluation import format_table
from avsbench.evaluation.mask_folders import (
    AT,
    MaskFiles,
    ScoringOptions,
    find_masks,
    score_folder,
)
from avsbench.evaluation.result_files import RESULTS, TABLES, result_entry, write_result
from avsbench.registry import DATASETS
from avsbench.utils.cli import run_command
from avsbench.utils.errors import ConfigError, DataError

SELF = 'DIR'  # of --probabilities without a folder


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folder', type=Path, metavar='DIR', help='of the masks')
    parser.add_argument(
        '--subset', required=True, help=f'{", ".join(AUDIO_SUBSETS)}, or a config file'
    )
    parser.add_argument('--data-root', metavar='DIR', help="instead of the config's")
    parser.add_argument('--split', default='test', help='default: %(default)s')
    parser.add_argument(
        '--probabilities',
        nargs='?',
        const=SELF,
        metavar='DIR',
        help='binary: maps of 8-bit probabilities (255 p), which F is taken of; without a folder '
        'the masks themselves are such maps',
    )
    parser.add_argument(
        '--missing',
        choices=('error', 'background'),
        default='error',
        help='what masks that are not there mean (default: %(default)s); background is counted '
        'in the result',
    )
    parser.add_argument(
        '--at',
        choices=AT,
        help='where labels and masks differ in size: score at that of these (default: an error, '
        'or as test.sh has scored its masks)',
    )
    parser.add_argument(
        '--count-padded',
        action=argparse.BooleanOptionalAction,
        help='avss: score background for the frames that clips of 5 lack to 10, as AVSBench does '
        '(default), or not, as COMBO does',
    )
    parser.add_argument(
        '--nearest-colour', action='store_true', help='avss: accept colours mixed by resizing'
    )
    parser.add_argument('--layout', help="of the names, e.g. '{clip_id}/{name}_{index}.png'")
    parser.add_argument('--out', type=Path, metavar='DIR', help='instead of DIR/results')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    dataset = open_split(args.subset, args.data_root, args.split)
    masks = found(args.folder, dataset, args)
    maps = None
    if args.probabilities not in (None, SELF):
        maps = found(Path(args.probabilities), dataset, args)
    options = ScoringOptions(
        at=args.at,
        count_padded=args.count_padded,
        nearest_colour=args.nearest_colour,
        self_probable=args.probabilities == SELF,
    )
    out = args.out or args.folder / RESULTS
    scores = score_folder(dataset, masks, maps, options, out)
    entry = {
        'kind': 'test',
        'subset': dataset.subset,
        **result_entry(scores.metrics, scores.protocol),
        'masks': args.folder.absolute(),
        'layout': masks.layout,
        'frames_missing': len(masks.missing),
        'probabilities': args.probabilities,
        'resized_to': args.at,
        'as_tested': scores.as_tested,
        'data': dataset.summary(),
        'date': datetime.datetime.now().astimezone().isoformat(timespec='seconds'),
        **scores.tables,
    }
    path = write_result(out, 'test', time.strftime('%Y%m%d_%H%M%S'), entry)
    print(format_table(scores.metrics))
    for note in notes(masks, scores.protocol, scores.as_tested):
        print(note)
    print(f'results in {path} and {path.with_name(TABLES["scores"])}')


def open_split(target: str, data_root: str | None, split: str) -> BaseAVSDataset:
    """The data set of a split, without its pipeline; files are not checked before they are read."""
    configs = dataset_configs(target, data_root)
    config = configs.get('test') or next(iter(configs.values()))
    dataset = DATASETS.build({**config, 'split': split, 'pipeline': []})
    if not isinstance(dataset, BaseAVSDataset):
        raise ConfigError(
            f'--subset {target}: expected {", ".join(AUDIO_SUBSETS)} or a config of one of these'
        )
    return dataset


def found(folder: Path, dataset: BaseAVSDataset, args: argparse.Namespace) -> MaskFiles:
    """The files of a folder; an error where some are missing, unless that is allowed."""
    infos = list(dataset.clip_infos())
    files = find_masks(folder, infos, str(dataset.data_root), args.layout)
    if files.missing and args.missing == 'error':
        raise DataError(
            f'{folder} (layout {files.layout}): {files.describe_missing()}; save them, or pass '
            '--missing background to score background in their place'
        )
    return files


def notes(masks: MaskFiles, protocol: dict, as_tested: bool) -> list[str]:
    """What the reader of the numbers should know."""
    lines = [f'layout of the masks: {masks.layout}']
    if masks.missing:
        lines.append(f'warning: {masks.describe_missing()}; background was scored in their place')
    if masks.unused:
        lines.append(f'{masks.unused} other PNGs are of no annotated frame of the split')
    if as_tested:
        lines.append('scored as test.sh did, from what it left in the PNGs')
    if protocol.get('f_from') == 'masks':
        lines.append(
            'F is that of masks: pass --probabilities for numbers that compare with published ones'
        )
    return lines


if __name__ == '__main__':
    run_command(main)
