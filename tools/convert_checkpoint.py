"""Rename a published checkpoint to this toolbox's keys, or ours to the published ones.

    python tools/convert_checkpoint.py S4_pvt2.pth own.pth
    python tools/convert_checkpoint.py work_dir/s4/pvt2/best_mIoU.pth for_them.pth --to avsegformer

The layout of a published file is recognised by its keys. The new file holds tensors and plain
metadata only and is never written over an old one.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from avsbench.checkpoint import ADAPTERS, find_adapter
from avsbench.checkpoint.loading import read_checkpoint, state_dict_of
from avsbench.utils.cli import run_command
from avsbench.utils.errors import CheckpointError, examples

BY_NAME = {adapter.name.lower(): adapter for adapter in ADAPTERS}


def convert(source: Path, target: Path, to: str, *, trust: bool = False) -> str:
    """Write `source` under other keys.

    Args:
        source: Checkpoint in a published layout (`to='own'`) or in ours.
        target: New file.
        to: 'own', or the name of the published layout to write.
        trust: Unpickle without restriction.

    Returns:
        What was done, one line.

    Raises:
        CheckpointError: The file is unreadable, of no known layout, or the target exists.
    """
    if target.exists():
        raise CheckpointError(f'{target}: exists already and is not written over')
    checkpoint = read_checkpoint(source, trust=trust)
    state = state_dict_of(checkpoint)
    if to == 'own':
        adapter = find_adapter(state)
        if adapter is None:
            raise CheckpointError(
                f'{source}: no published layout has these keys ({examples(state, 3)}); '
                f'known are {", ".join(BY_NAME)}'
            )
        converted, dropped = adapter.to_own(state)
        content = {'meta': {'head': adapter.head, 'converted_from': adapter.name}}
        content['state_dict'] = converted
        done = f'{adapter.name}: {len(converted)} tensors; dropped as never read: {len(dropped)}'
    else:
        content = BY_NAME[to].to_published(state)
        done = f'{len(content)} tensors in the layout of {BY_NAME[to].name}'
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, target)
    return f'{target}: {done}'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('source', type=Path, metavar='IN')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--to', choices=['own', *BY_NAME], default='own', help='layout of OUT')
    parser.add_argument('--trust-checkpoint', action='store_true', help='unpickle anything')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    print(convert(args.source, args.target, args.to, trust=args.trust_checkpoint))


if __name__ == '__main__':
    run_command(main)
