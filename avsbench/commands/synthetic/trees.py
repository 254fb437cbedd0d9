"""The work of `avsbench synthetic trees`."""

import argparse
from pathlib import Path

from avsbench.commands.synthetic.writing import write_trees
from avsbench.synthetic.video import (
    SUBSETS,
    VideoSettings,
    generate_video_tree,
    load_ceilings,
    load_truth,
)

SETTINGS = ('preset', 'size', 'seed', 'objects', 'order', 'train', 'test')


def run(args: argparse.Namespace) -> int:
    """Run `avsbench synthetic trees`."""
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
