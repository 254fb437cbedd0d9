"""Loading weights into a network: every key, or an error that counts them by module."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from avsbench.checkpoint import CheckpointAdapter, find_adapter
from avsbench.checkpoint.frozen import restore
from avsbench.checkpoint.pretrained import match_pretrained
from avsbench.checkpoint.reading import TRAINED_ONLY, read_checkpoint, read_weights, state_dict_of
from avsbench.utils.errors import CheckpointError, examples, nearest
from avsbench.version import __version__
from avsbench.weights.store import find_pretrained

LAYOUT = 'avsbench'  # how `meta` calls our key names

# What a checkpoint says about itself -> how a message calls it.
IDENTITY = {'head': 'decode head', 'subset': 'subset', 'num_classes': 'number of classes'}


def load_weights(
    model: nn.Module,
    path: str | Path,
    *,
    trust: bool = False,
    expected: Mapping[str, Any] | None = None,
    allow_nonfinite: bool = False,
) -> dict[str, Any]:
    """Load a checkpoint into a model: every key, or an error.

    Args:
        model: The unwrapped network.
        path: A checkpoint of this toolbox, or one of a published code base that has an adapter.
        trust: See `read_checkpoint`.
        expected: What the config is for, any of `head`, `subset`, `num_classes`; compared with
            what the checkpoint says about itself.
        allow_nonfinite: Accept NaN and infinite weights.

    Returns:
        The checkpoint's `meta`, empty where it has none; `layout` names the adapter that was used
        ('avsbench' for none), `dropped` lists the keys that it left out.

    Raises:
        CheckpointError: Unreadable, of another system, or with other keys, shapes or values.
    """
    checkpoint = translate(
        read_checkpoint(path, trust=trust), model, source=path, expected=expected
    )
    fill_model(model, checkpoint, source=path, allow_nonfinite=allow_nonfinite)
    return checkpoint['meta']


def translate(
    checkpoint: Mapping[str, Any],
    model: nn.Module,
    *,
    source: str | Path,
    expected: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Bring a checkpoint into this toolbox's form.

    Args:
        checkpoint: As `read_checkpoint` returns it.
        model: The network it is for.
        source: The file, for messages.
        expected: See `load_weights`.

    Returns:
        The checkpoint with our keys under `state_dict`, among them those that it leaves out since
        they are in other files, and `meta` as `load_weights` returns it.

    Raises:
        CheckpointError: Of another head, subset or class count, or without weights; or a file that
            it builds on is missing or another one.
    """
    meta = checkpoint.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    expected = expected or {}
    check_identity(meta, expected, source)
    if note := version_note(meta):
        print_log(f'{source}: {note}', 'current')
    meta['layout'], meta['dropped'] = LAYOUT, []
    try:
        state = state_dict_of(checkpoint)
        our_keys = model.state_dict().keys()
        if 2 * sum(key in our_keys for key in state) <= len(state):
            state, layout = _adapt(state, model, expected, source)
            meta.update(layout)
        if TRAINED_ONLY in meta:
            state = state | restore(meta[TRAINED_ONLY], model, source, partial(_whole, model))
    except CheckpointError as error:
        message = str(error)
        raise CheckpointError(
            message if message.startswith(str(source)) else f'{source}: {message}'
        ) from error
    return {**checkpoint, 'state_dict': state, 'meta': meta}


def fill_model(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    *,
    source: str | Path,
    allow_nonfinite: bool = False,
) -> None:
    """Load the `state_dict` of a checkpoint that `translate` has made into a model.

    Raises:
        CheckpointError: Other keys, shapes or values.
    """
    state = checkpoint['state_dict']
    try:
        check_state(state, model, source, allow_nonfinite=allow_nonfinite)
    except CheckpointError as error:
        if note := version_note(checkpoint['meta']):
            raise CheckpointError(f'{error}\n  {note}: try that version') from error
        raise
    model.load_state_dict(state)


def check_identity(
    meta: Mapping[str, Any], expected: Mapping[str, Any], source: str | Path
) -> None:
    """Compare what a checkpoint says about itself with what a config is for.

    Raises:
        CheckpointError: Head, subset or class count differ; the message names both.
    """
    differing = [
        f'the {name} of the checkpoint is {meta[key]!r}, that of the config {expected[key]!r}'
        for key, name in IDENTITY.items()
        if meta.get(key) is not None
        and expected.get(key) is not None
        and str(meta[key]) != str(expected[key])  # a format may know text only
    ]
    if differing:
        subset = expected.get('subset')
        elsewhere = meta.get('subset') not in (None, subset) and subset is not None
        way_out = ', or pass --any-subset' if elsewhere and len(differing) == 1 else ''
        raise CheckpointError(
            f'{source}: {"; ".join(differing)}. Use the config that the checkpoint was trained '
            f'with{way_out}'
        )


def version_note(meta: Mapping[str, Any]) -> str:
    """That a checkpoint was saved by another version of the toolbox; empty if it was not."""
    version = meta.get('avsbench_version')
    if version is None or str(version) == __version__:
        return ''
    return f'saved by avsbench {version}, this is {__version__}'


def check_state(
    state: Mapping[str, Tensor],
    model: nn.Module,
    source: str | Path,
    *,
    allow_nonfinite: bool = False,
) -> None:
    """Compare weights with a model: keys, shapes, and that every value is a number.

    Raises:
        CheckpointError: One message, with the keys counted by module.
    """
    wanted = model.state_dict()
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    shapes = [
        f'{key} {tuple(state[key].shape)} in the file, {tuple(wanted[key].shape)} in the model'
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    lines = []
    if missing:
        lines.append(f'{len(missing)} keys of the model are missing in the file: {_group(missing)}')
    if unexpected:
        hint = _prefix_hint(unexpected, missing) or nearest(unexpected[0], missing)
        lines.append(
            f'{len(unexpected)} keys of the file are not in the model: {_group(unexpected)}{hint}'
        )
    if shapes:
        lines.append(f'{len(shapes)} keys have another shape: {examples(shapes)}')
    if lines:
        raise CheckpointError(
            f'{source}: does not fit the model of this config; nothing was loaded.\n  '
            + '\n  '.join(lines)
        )
    bad = [] if allow_nonfinite else nonfinite_keys(state)
    if bad:
        raise CheckpointError(
            f'{source}: {len(bad)} tensors hold NaN or infinite values: {_group(bad)}; the '
            'training diverged, use an earlier checkpoint'
        )


def nonfinite_keys(state: Mapping[str, Tensor]) -> list[str]:
    """Keys whose tensors hold NaN or an infinite value."""
    return [
        key
        for key, value in state.items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]


def _whole(model: nn.Module, path: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint that another one builds on."""
    return translate(read_checkpoint(path), model, source=path)['state_dict']


def _adapt(
    state: dict[str, Tensor], model: nn.Module, expected: Mapping[str, Any], source: str | Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Rename the keys of a published code base, if they are one's; else leave them."""
    adapter = find_adapter(state.keys())
    if adapter is None:
        return state, {}
    check_identity({'head': adapter.head}, expected, source)
    state, dropped = adapter.to_ours(state)
    if adapter.audio_prefix:
        state |= _audio_file(model, adapter)
    return state, {'layout': adapter.name, 'dropped': dropped}


def _audio_file(model: nn.Module, adapter: CheckpointAdapter) -> dict[str, Tensor]:
    """The audio encoder's weights, from the file that its config names."""
    encoder = model.get_submodule(adapter.audio_prefix.rstrip('.'))
    path = getattr(encoder, 'weights', None)
    path = path and find_pretrained(path)
    if path is None or not path.is_file():
        raise CheckpointError(
            f'{adapter.name} keeps the audio encoder in a separate file, and there is none at '
            f'model.audio_encoder.weights={path and str(path)!r}; put it there, or join the two '
            'with `python -m avsbench convert --audio`'
        )
    weights = match_pretrained(read_weights(path), encoder, str(path)).found
    return {adapter.audio_prefix + key: tensor for key, tensor in weights.items()}


def _prefix_hint(unexpected: list[str], missing: list[str]) -> str:
    """Tell that the keys would fit without a prefix, as frameworks add one for the network."""
    prefix = unexpected[0].split('.')[0] + '.'
    inner = {key.removeprefix(prefix) for key in unexpected if key.startswith(prefix)}
    if len(inner) < len(unexpected) or not inner & set(missing):
        return ''
    return f'; without {prefix!r} in front, {len(inner & set(missing))} of them would be'


def _group(keys: list[str]) -> str:
    """'decode_head.query_generator (10), backbone.stage1 (2)'."""
    counts = Counter('.'.join(key.split('.')[:2]) for key in keys)
    return examples(f'{name} ({count})' for name, count in counts.most_common())
