"""The work of `avsbench data maskiges`."""

import argparse
import functools
from pathlib import Path

from avsbench.datasets.opening import dataset_configs
from avsbench.maskiges import MAX_SEGMENTS, plan, prepare
from avsbench.maskiges.segments import SUPERPIXELS
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError
from avsbench.utils.folders import check_writable
from avsbench.utils.parallel import show_progress

NEEDED = ('type', 'data_root', 'split', 'check')


def run(args: argparse.Namespace) -> None:
    """Run `avsbench data maskiges`."""
    if (args.source == 'masks') != (args.masks is not None):
        raise ConfigError('--masks DIR belongs to --source masks, and is needed there')
    if args.resize and args.source != 'masks':
        raise ConfigError('--resize is about masks; it means nothing for --source superpixels')
    if args.workers < 0:
        raise ConfigError(f'--workers: got {args.workers}, expected 0 or more')
    if args.whole_frames and args.subset != 'avss':
        raise ConfigError(
            f'--whole-frames belongs to avss; Maskiges of {args.subset} are of whole frames anyway'
        )
    configs = dataset_configs(args.subset, args.data_root)
    # Only the frames matter here, not what the network makes of masks and classes.
    bare = [{key: configs[split][key] for key in NEEDED} for split in args.split]
    if args.whole_frames:
        bare = [{**config, 'type': 'AVSSWholeFrameDataset'} for config in bare]
    tasks = plan([DATASETS.build(config) for config in bare], args.masks)
    check_writable(bare[0]['data_root'], 'data_root, where Maskiges go', 'make it writable')
    source = SUPERPIXELS if args.masks is None else f'masks in {Path(args.masks).resolve().name}'
    report = prepare(
        tasks,
        source=source,
        resize=args.resize,
        overwrite=args.overwrite,
        workers=args.workers,
        progress=functools.partial(show_progress, label='Maskiges'),
    )
    print(f'{args.subset}: {report.made} Maskiges made, {report.kept} were there; from {source}')
    if report.crowded:
        print(
            f'{report.crowded} frames have more than {MAX_SEGMENTS} segments; the smallest, '
            f'{report.left_out} in all, were left out'
        )
