"""Stripping a training checkpoint to its weights and plain metadata."""

import hashlib
import io
from pathlib import Path

import torch

from avsbench.checkpoint.loading import nonfinite_keys
from avsbench.checkpoint.reading import read_checkpoint, state_dict_of
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
)


def publish(source: str | Path, stem: str | Path, *, trust: bool = False) -> Path:
    """Write the published form of a checkpoint, `<stem>-<first 8 digits of its SHA-256>.pth`.

    Args:
        source: Training checkpoint.
        stem: Path of the new file up to the hash.
        trust: See `avsbench.checkpoint.reading.read_checkpoint`.

    Returns:
        Path of the new file.

    Raises:
        CheckpointError: Unreadable, NaN or infinite weights, or the new file exists already.
        ConfigError: It can't be written where it is to be.
    """
    stem = Path(str(stem).removesuffix('.pth'))
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
    if isinstance(meta.get('dataset_meta'), dict):  # else the names of the classes would be lost
        kept['dataset_meta'] = meta['dataset_meta']
    # A clone leaves behind what else lies in the storage of a view.
    content = {'meta': kept, 'state_dict': {key: value.clone() for key, value in weights.items()}}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    target = stem.with_name(f'{stem.name}-{digest[:8]}.pth')
    if target.exists():
        raise CheckpointError(f'{target}: exists already and is not written over')
    with atomic_write(target) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return target
