"""The work of `avsbench score`."""

import argparse
import datetime
import time
from pathlib import Path

from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.opening import dataset_configs
from avsbench.evaluation import format_table
from avsbench.evaluation.mask_folders import (
    MaskFiles,
    ScoringOptions,
    find_masks,
    score_folder,
)
from avsbench.evaluation.result_files import RESULTS, TABLES, result_entry, write_result
from avsbench.options import AUDIO_SUBSETS
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError, DataError

SELF = 'DIR'  # what the parser gives for --probabilities without a folder


def run(args: argparse.Namespace) -> None:
    """Run `avsbench score`."""
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
