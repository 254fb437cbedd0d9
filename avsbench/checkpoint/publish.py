"""Stripping a training checkpoint to its weights and plain metadata."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from avsbench.checkpoint.config_data import published_config
from avsbench.checkpoint.loading import nonfinite_keys
from avsbench.checkpoint.reading import TRAINED_ONLY, read_checkpoint, state_dict_of
from avsbench.utils.errors import CheckpointError, examples
from avsbench.utils.files import atomic_write
from avsbench.utils.folders import check_writable

KEPT = (
    'head',
    'subset',
    'num_classes',
    'epoch',
    'iter',
    'seed',
    'config_file',
    'avsbench_version',
    'mmengine_version',
    'torch_version',
    'synthetic',
)


def publish(
    source: str | Path, stem: str | Path, *, trust: bool = False, safetensors: bool = False
) -> Path:
    """Write the published form of a checkpoint, `<stem>-<first 8 digits of its SHA-256>.pth`.

    It holds the config as data, so that it runs without any other file, but no path of the machine
    that trained.

    Args:
        source: Training checkpoint.
        stem: Path of the new file up to the hash.
        trust: See `avsbench.checkpoint.reading.read_checkpoint`.
        safetensors: Write `.safetensors` with the same metadata, as text.

    Returns:
        Path of the new file.

    Raises:
        CheckpointError: Unreadable, NaN or infinite weights, or the new file exists already.
        ConfigError: It can't be written where it is to be.
    """
    suffix = '.safetensors' if safetensors else '.pth'
    stem = Path(str(stem).removesuffix(suffix))
    check_writable(stem.parent, 'folder of a checkpoint', 'choose another')
    checkpoint = read_checkpoint(source, trust=trust)
    try:
        weights = state_dict_of(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f'{source}: {error}') from error
    bad = nonfinite_keys(weights)
    if bad:
        raise CheckpointError(f'{source}: NaN or infinite values in {examples(bad)}')
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    kept = {key: meta[key] for key in KEPT if isinstance(meta.get(key), str | int | float)}
    # Scores of these weights in validation; without the other the names of classes would be lost.
    for key in ('metrics', 'dataset_meta'):
        if isinstance(meta.get(key), dict):
            kept[key] = meta[key]
    if config := published_config(meta.get('config')):
        kept['config'] = config
    if TRAINED_ONLY in meta:  # by their names alone, since they may lie beside the checkpoint
        records = [{**record, 'file': Path(record['file']).name} for record in meta[TRAINED_ONLY]]
        kept[TRAINED_ONLY] = records
    # A clone leaves behind what else lies in the storage of a view.
    weights = {key: value.clone().contiguous() for key, value in weights.items()}
    content = _safetensors(weights, kept) if safetensors else _torch_file(weights, kept)
    digest = hashlib.sha256(content).hexdigest()
    target = stem.with_name(f'{stem.name}-{digest[:8]}{suffix}')
    if target.exists():
        raise CheckpointError(f'{target}: exists already and is not written over')
    with atomic_write(target) as temporary:
        temporary.write_bytes(content)
    return target


def _torch_file(weights: dict[str, Tensor], meta: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save({'meta': meta, 'state_dict': weights}, buffer)
    return buffer.getvalue()


def _safetensors(weights: dict[str, Tensor], meta: dict[str, Any]) -> bytes:
    texts = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in meta.items()
    }
    return save(weights, texts)
