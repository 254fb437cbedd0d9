"""Make synthetic videos in the layouts of DAVIS, MoCA and others, with ceilings for single frames.

python tools/synthetic.py trees --subset davis moca --preset default --out data/synthetic
"""

import argparse
import os
import time
from pathlib import Path

from avsbench.synthetic import PRESETS, SIZES
from avsbench.synthetic.video import (
    SUBSETS,
    VideoSettings,
    generate_video_tree,
    load_ceilings,
    load_truth,
)
from avsbench.utils.errors import DataError

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
    add('--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)')
    add(
        '--overwrite',
        action='store_true',
        help='replace an earlier synthetic tree, or write beside foreign files; deletes nothing '
        'that it has not made',
    )


def run(args: argparse.Namespace) -> int:
    names = tuple(SUBSETS) if 'all' in args.subset else tuple(args.subset)
    values = {name: getattr(args, name) for name in SETTINGS}
    # All are checked before the first is made.
    for settings in [VideoSettings(subset=name, **values) for name in names]:
        start = time.perf_counter()
        try:
            root = generate_video_tree(
                settings, args.out, workers=args.workers, overwrite=args.overwrite, progress=True
            )
        except OSError as error:  # no space, no permission; it names the file
            raise DataError(f'{error}; choose another --out') from error
        print(_summary(settings, root, time.perf_counter() - start))
    return 0


def _summary(settings: VideoSettings, root: Path, seconds: float) -> str:
    line = f'{root}: {len(load_truth(root))} videos, {seconds:.1f} s'
    best = load_ceilings(root).get(settings.kind.tested, {}).get('single_frame')
    if best is None:
        return line
    return f'{line}; best mIoU in {settings.kind.tested} from single frames: {best["mIoU"]:.4f}'
