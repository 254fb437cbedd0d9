"""Rename a published checkpoint to this toolbox's keys, or ours to the published ones.

    python tools/convert_checkpoint.py S4_pvt2.pth own.pth
    python tools/convert_checkpoint.py work_dir/s4/pvt2/best_mIoU.pth for_them.pth --to avsegformer
    python tools/convert_checkpoint.py S4_pvt_best.pth own.pth --audio vggish-10086976.pth

The layout of a published file is recognised by its keys. Some code bases keep the audio encoder in
a file of its own: `--audio` names it, to be read on the way to our keys and to be written on the
way back. The new files hold tensors and plain metadata only and are never written over old ones.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from avsbench.checkpoint import CheckpointAdapter, adapters, find_adapter
from avsbench.checkpoint.loading import read_checkpoint, state_dict_of
from avsbench.checkpoint.vggish import VGGISH
from avsbench.utils.cli import run_command
from avsbench.utils.errors import CheckpointError, examples

BY_NAME = {adapter.name.lower(): adapter for adapter in adapters()}


def convert(
    source: Path, target: Path, to: str, *, audio: Path | None = None, trust: bool = False
) -> str:
    """Write `source` under other keys.

    Args:
        source: Checkpoint in a published layout (`to='own'`) or in ours.
        target: New file.
        to: 'own', or the name of the published layout to write.
        audio: File of the audio encoder, for code bases that keep it apart: read with `to='own'`,
            else written. None leaves the audio encoder out.
        trust: Unpickle without restriction.

    Returns:
        What was done, one line.

    Raises:
        CheckpointError: A file is unreadable, of no known layout, or exists already, or the code
            base keeps its audio encoder in the same file.
    """
    for written in (target, *([audio] if audio and to != 'own' else [])):
        if written.exists():
            raise CheckpointError(f'{written}: exists already and is not written over')
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
        converted |= _read_audio(adapter, audio, trust=trust)
        content = {'meta': {'head': adapter.head, 'converted_from': adapter.name}}
        content['state_dict'] = converted
        done = f'{adapter.name}: {len(converted)} tensors; dropped as never read: {len(dropped)}'
    else:
        adapter = BY_NAME[to]
        content = adapter.to_published(state)
        done = f'{len(content)} tensors in the layout of {adapter.name}'
        done += _write_audio(adapter, state, audio)
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, target)
    return f'{target}: {done}'


def _read_audio(adapter: CheckpointAdapter, file: Path | None, *, trust: bool) -> dict:
    """Our keys of the audio encoder's file."""
    if file is None:
        return {}
    _check_apart(adapter)
    state = state_dict_of(read_checkpoint(file, trust=trust))
    if not VGGISH.matches(state):
        raise CheckpointError(f'{file}: not the weights of VGGish ({examples(state, 3)})')
    return {adapter.audio_prefix + key: value for key, value in VGGISH.to_own(state)[0].items()}


def _write_audio(adapter: CheckpointAdapter, state: dict, file: Path | None) -> str:
    """Write the audio encoder to its own file; what was done with it."""
    part = adapter.audio_part(state)
    if file is None:
        return f'; left out the audio encoder, {len(part)} tensors (--audio)' if part else ''
    _check_apart(adapter)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(VGGISH.to_published(part), file)
    return f'; {file}: the audio encoder, {len(part)} tensors'


def _check_apart(adapter: CheckpointAdapter) -> None:
    if not adapter.audio_prefix:
        raise CheckpointError(
            f'--audio: {adapter.name} keeps the audio encoder in the checkpoint itself'
        )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('source', type=Path, metavar='IN')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--to', choices=['own', *BY_NAME], default='own', help='layout of OUT')
    parser.add_argument(
        '--audio', type=Path, metavar='FILE', help='the audio encoder, where it is kept apart'
    )
    parser.add_argument('--trust-checkpoint', action='store_true', help='unpickle anything')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    done = convert(args.source, args.target, args.to, audio=args.audio, trust=args.trust_checkpoint)
    print(done)


if __name__ == '__main__':
    run_command(main)
