"""Draw what the pipeline of a config makes of its clips: frames, Maskiges, masks and log-mel.

    python tools/browse_dataset.py config/s4/combo_pvt2.py --out images
    python tools/browse_dataset.py config/ms3/demo.py --split val --clips CLIP_ID --out images

These are the inputs of the network, augmented as in training: `--repeat 3` draws each clip three
times, side by side. Pixels without a class are dark grey.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.dataset import BaseDataset
from mmengine.runner import set_random_seed
from rich.console import Console
from rich.progress import track

from avsbench.config.build import build_part
from avsbench.config.loading import open_config
from avsbench.config.paths import config_file
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_seed
from avsbench.utils.cli import OverrideAction, run_command
from avsbench.utils.errors import DataError, nearest
from avsbench.visualization import AVSLocalVisualizer, ClipView
from avsbench.visualization.gallery import check_folder, save_gallery, spread, view_of


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a path, also one relative to config/')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the images')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train')
    parser.add_argument('--num', type=int, default=6, help='clips, spread over the split')
    parser.add_argument('--clips', nargs='+', metavar='ID', help='these clips instead')
    parser.add_argument('--repeat', type=int, default=1, help='how often each clip is drawn')
    parser.add_argument('--seed', type=int, default=0, help='of the augmentation')
    parser.add_argument('--overwrite', action='store_true', help='replace images in DIR')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
    args = parser.parse_args()
    if min(args.num, args.repeat) < 1:
        parser.error('--num and --repeat: expected 1 or more')
    return args


def main() -> None:
    args = parse_args()
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


if __name__ == '__main__':
    run_command(main)
