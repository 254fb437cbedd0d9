"""The work of `avsbench synthetic clips`."""

import argparse
from pathlib import Path

from avsbench.commands.synthetic.writing import write_trees
from avsbench.synthetic import SUBSETS, Settings, generate_tree
from avsbench.synthetic.generator import read_record
from avsbench.utils.errors import counted

SETTINGS = (
    *('preset', 'size', 'seed', 'state_seed', 'tell', 'grid', 'snr', 'decoys'),
    *('train', 'val', 'test', 'write_log_mel'),
)


def run(args: argparse.Namespace) -> int:
    """Run `avsbench synthetic clips`."""
    names = tuple(SUBSETS) if args.subset == 'all' else (args.subset,)
    values = {name: getattr(args, name) for name in SETTINGS}
    tiers = tuple(args.tier or ['T1'])
    settings = [Settings(subset=name, tiers=tiers, **values) for name in names]
    write_trees(settings, generate_tree, _summary, args)
    return 0


def _summary(settings: Settings, root: Path, seconds: float) -> str:
    ceilings = read_record(root, 'ceilings.json')
    clips = len(read_record(root, 'truth.json'))
    line = f'{root}: {counted(clips, "clip")}, {seconds:.1f} s'
    best = ceilings.get('test', {}).get('audio_blind', {}).get('J')
    if settings.tell:
        return f'{line}; sounding objects light up, so the ceilings do not hold for this tree'
    return line if best is None else f'{line}; best J in test without listening: {best:.4f}'
