"""Writing a checkpoint under the key names of another code base."""

from pathlib import Path

import torch

from avsbench.checkpoint import CheckpointAdapter, adapters, find_adapter
from avsbench.checkpoint.loading import LAYOUT
from avsbench.checkpoint.reading import read_weights
from avsbench.checkpoint.vggish import VGGISH
from avsbench.utils.errors import CheckpointError, examples, nearest
from avsbench.utils.files import atomic_write
from avsbench.utils.folders import check_writable


def convert(
    source: Path, target: Path, to: str, *, audio: Path | None = None, trust: bool = False
) -> str:
    """Write `source` under other keys.

    Args:
        source: Checkpoint in a published layout (`to='avsbench'`) or in ours.
        target: New file.
        to: 'avsbench', or the name of the published layout to write, see `adapters`.
        audio: File of the audio encoder, for code bases that store it separately: read with
            `to='avsbench'`, written otherwise. None leaves the audio encoder out.
        trust: Unpickle without restriction.

    Returns:
        What was done, one line.

    Raises:
        CheckpointError: A file is unreadable, of no known layout, or exists already, or the code
            base keeps its audio encoder in the same file.
        ConfigError: A file can't be written where it is to be.
    """
    known = adapters()
    if to != LAYOUT and to not in known:
        layouts = [LAYOUT, *known]
        raise CheckpointError(
            f'no layout {to!r}{nearest(to, layouts)}; known are {", ".join(layouts)}'
        )
    for written in (target, *([audio] if audio and to != LAYOUT else [])):
        if written.exists():
            raise CheckpointError(f'{written}: exists already and is not written over')
        check_writable(written.parent, 'folder of a checkpoint', 'choose another')
    state = read_weights(source, trust=trust)
    if to == LAYOUT:
        content, done = _to_ours(state, source, audio, trust=trust)
    else:
        content = known[to].to_published(state)
        done = f'{len(content)} tensors in the layout of {known[to].name}'
        done += _write_audio(known[to], state, audio)
    _save(content, target)
    return f'{target}: {done}'


def _save(content: dict, path: Path) -> None:
    """Write a file as a whole: what a full disk cuts off is not left under its name."""
    with atomic_write(path, durable=True) as temporary:
        torch.save(content, temporary)


def _to_ours(state: dict, source: Path, audio: Path | None, *, trust: bool) -> tuple[dict, str]:
    """The checkpoint under our keys, and what was done."""
    adapter = find_adapter(state)
    if adapter is None:
        raise CheckpointError(
            f'{source}: no published layout has these keys ({examples(state, 3)}); '
            f'known are {", ".join(adapters())}'
        )
    converted, dropped = adapter.to_ours(state)
    converted |= _read_audio(adapter, audio, trust=trust)
    meta = {'head': adapter.head, 'converted_from': adapter.name}
    done = f'{adapter.name}: {len(converted)} tensors; dropped as never read: {len(dropped)}'
    return {'meta': meta, 'state_dict': converted}, done


def _read_audio(adapter: CheckpointAdapter, file: Path | None, *, trust: bool) -> dict:
    """Our keys of the audio encoder's file."""
    if file is None:
        return {}
    _check_separate(adapter)
    state = read_weights(file, trust=trust)
    if not VGGISH.matches(state):
        raise CheckpointError(f'{file}: not the weights of VGGish ({examples(state, 3)})')
    return {adapter.audio_prefix + key: value for key, value in VGGISH.to_ours(state)[0].items()}


def _write_audio(adapter: CheckpointAdapter, state: dict, file: Path | None) -> str:
    """Write the audio encoder to its file; what was done with it."""
    part = adapter.audio_part(state)
    if file is None:
        return f'; left out the audio encoder, {len(part)} tensors (--audio)' if part else ''
    _check_separate(adapter)
    _save(VGGISH.to_published(part), file)
    return f'; {file}: the audio encoder, {len(part)} tensors'


def _check_separate(adapter: CheckpointAdapter) -> None:
    if not adapter.audio_prefix:
        raise CheckpointError(
            f'--audio: {adapter.name} keeps the audio encoder in the checkpoint itself'
        )
