"""Make synthetic videos in the layouts of DAVIS, MoCA and others, with ceilings for single frames.

python tools/synthetic.py trees --subset davis moca --preset default --out data/synthetic
"""

import argparse
from pathlib import Path

from avsbench.synthetic import PRESETS, SIZES
from avsbench.synthetic.video import (
    SUBSETS,
    VideoSettings,
    generate_video_tree,
    load_ceilings,
    load_truth,
)
from synthetic_data.writing import add_writing_arguments, write_trees

SETTINGS = ('preset', 'size', 'seed', 'objects', 'order', 'train', 'test')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--subset', required=True, nargs='+', choices=(*SUBSETS, 'all'))
    add('--out', required=True, help='each data set gets its own folder in this one')
    add('--preset', default='tiny', choices=PRESETS, help='default: %(default)s')
    add('--size', type=int, default=64, choices=SIZES, help='side of the frames, %(default)s')
    add('--seed', type=int, default=0)
    add('--train', type=int, metavar='N', help='videos in train instead of the preset')
    add('--test', type=int, metavar='N', help='scenes in the tested split instead of the preset')
    add('--objects', type=int, metavar='N', help='objects per video, 2 to 4 (not A2D, VSPW)')
    add(
        '--order',
        action='store_true',
        help='control: two objects go round in opposite directions, one of which is marked, so '
        'that only the order of frames tells (not A2D, VSPW: there it tells some classes anyway)',
    )
    add_writing_arguments(parser)


def run(args: argparse.Namespace) -> int:
    names = tuple(SUBSETS) if 'all' in args.subset else tuple(args.subset)
    values = {name: getattr(args, name) for name in SETTINGS}
    # All are checked before the first is made.
    settings = [VideoSettings(subset=name, **values) for name in names]
    write_trees(settings, generate_video_tree, _summary, args)
    return 0


def _summary(settings: VideoSettings, root: Path, seconds: float) -> str:
    line = f'{root}: {len(load_truth(root))} videos, {seconds:.1f} s'
    best = load_ceilings(root).get(settings.kind.tested, {}).get('single_frame')
    if best is None:
        return line
    return f'{line}; best mIoU in {settings.kind.tested} from single frames: {best["mIoU"]:.4f}'
