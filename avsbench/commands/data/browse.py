"""The work of `avsbench data browse`."""

import argparse

from mmengine.dataset import BaseDataset
from mmengine.runner import set_random_seed
from rich.console import Console
from rich.progress import track

from avsbench.config.build import build_part
from avsbench.config.loading import open_config
from avsbench.config.paths import config_file
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_seed
from avsbench.utils.errors import DataError, nearest
from avsbench.visualization import AVSLocalVisualizer, ClipView
from avsbench.visualization.gallery import check_folder, save_gallery, spread, view_of


def run(args: argparse.Namespace) -> None:
    """Run `avsbench data browse`."""
    check_seed('--seed', args.seed)
    check_folder(args.out, overwrite=args.overwrite)
    dataset = build(args)
    ids = [dataset.get_data_info(index)['clip_id'] for index in range(len(dataset))]
    if args.clips is None:
        chosen = spread(range(len(ids)), args.num)
    else:
        chosen = [find(clip, ids, args.split) for clip in args.clips]
    visualizer = AVSLocalVisualizer()
    visualizer.dataset_meta = dataset.metainfo
    set_random_seed(args.seed)
    images = {}
    for index in track(chosen, 'drawing', console=Console(stderr=True), transient=True):
        views = [view(dataset[index]) for _ in range(args.repeat)]
        images[ids[index]] = visualizer.draw(views)
    print(save_gallery(images, args.out))


def build(args: argparse.Namespace) -> BaseDataset:
    """The data set of the split, with its files checked as before a training."""
    cfg = open_config(config_file(args.config), args.cfg_options)
    return build_part(cfg, DATASETS, f'{args.split}_dataloader', 'dataset')


def find(clip: str, ids: list[str], split: str) -> int:
    """Position of a clip."""
    if clip not in ids:
        raise DataError(f'split {split!r} has no clip {clip!r}{nearest(clip, ids)}')
    return ids.index(clip)


def view(item: dict) -> ClipView:
    """One clip, with its size and whether it is mirrored in the title."""
    sample = item['data_samples']
    height, width = item['inputs']['frames'].shape[-2:]
    mirrored = ', mirrored' if sample.get('flip') else ''
    return view_of(item, f'{sample.clip_id}\n{width} x {height}{mirrored}')
