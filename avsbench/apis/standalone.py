"""The config in a checkpoint: enough to run its network without any other file.

It is data, written as json. A config names classes to build and files to read, so what a file from
a stranger names is used only if it belongs to the toolbox, see `avsbench.reproduction.strangers`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from avsbench.checkpoint import find_adapter
from avsbench.checkpoint.config_data import without_places
from avsbench.checkpoint.reading import read_checkpoint, state_dict_of
from avsbench.export.runtime import exported_config, is_exported
from avsbench.reproduction.strangers import distrusted
from avsbench.utils.errors import CheckpointError
from avsbench.weights.locating import find_trained_parts

# What running a network needs; the rest is about its training.
_NEEDED = ('default_scope', 'subset', 'num_classes', 'model', 'test_dataloader')


def parts_of(checkpoint: str | Path, *, trust: bool = False) -> tuple[str | Config, Path]:
    """The config that a checkpoint holds, or that published weights belong to, and the file.

    Args:
        checkpoint: See `find_checkpoint`.
        trust: See `config_of`.

    Raises:
        CheckpointError: See `find_checkpoint` and `config_of`.
    """
    path, name = find_trained_parts(checkpoint, trust=trust)
    return (config_of(path, trust=trust) if name is None else name), path


def needed_config(data: Mapping[str, Any]) -> dict[str, Any]:
    """What running a network needs of a config given as plain data, without places of files."""
    return {key: without_places(data[key]) for key in _NEEDED if key in data}


def config_of(checkpoint: str | Path, *, trust: bool = False) -> Config:
    """The config that a checkpoint holds, reduced to what its network and its inputs need.

    Args:
        checkpoint: A file of this toolbox, or a network that it exported to ONNX.
        trust: Also take one that names classes of other packages; see `read_checkpoint` as well.

    Raises:
        CheckpointError: Unreadable, without a config, or with one that asks for trust.
    """
    if is_exported(checkpoint):
        return exported_config(checkpoint, trust=trust)
    loaded = read_checkpoint(checkpoint, trust=trust, mmap=True)
    meta = loaded.get('meta')
    text = meta.get('config') if isinstance(meta, Mapping) else None
    if not isinstance(text, str):
        raise CheckpointError(f'{checkpoint}: holds no config; {_way_out(loaded)}')
    try:
        data = json.loads(text)
        config = needed_config(data)
        if not isinstance(config['model'], dict):
            raise TypeError('model is no dict')
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f'{checkpoint}: its config is damaged ({error!r}); name a config as well'
        ) from error
    lines = [] if trust else distrusted(config)
    if lines:
        listed = '\n  '.join(lines)
        raise CheckpointError(
            f'{checkpoint}: its config asks for trust:\n  {listed}\nName a config of your own, or '
            'pass --trust-checkpoint if you know who made the file'
        )
    return Config(config, cfg_text=text, filename=str(checkpoint))


def _way_out(loaded: Mapping[str, Any]) -> str:
    try:
        adapter = find_adapter(state_dict_of(loaded).keys())
    except CheckpointError:
        adapter = None
    if adapter is None:
        return 'name the one that it was trained with'
    return f'it was published by {adapter.name}: name a config of that system'
