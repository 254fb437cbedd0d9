"""Strip a training checkpoint to its weights: `python tools/publish_model.py IN.pth OUT_STEM`.

Writes `OUT_STEM-<first 8 digits of its SHA-256>.pth`. The file holds tensors and plain metadata
only, so that `torch.load(..., weights_only=True)` reads it everywhere; optimizer, log, random
states, the text of the config and any path of the machine that trained are left out.
"""

import argparse
import hashlib
import io
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from avsbench.checkpoint.loading import (
    nonfinite_keys,
    read_checkpoint,
    state_dict_of,
)
from avsbench.utils.cli import run_command
from avsbench.utils.errors import CheckpointError, examples

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
    """Write the published form of a checkpoint.

    Args:
        source: training checkpoint.
        stem: path of the new file up to the hash.
        trust: see `avsbench.checkpoint.loading.read_checkpoint`.

    Returns:
        Path of the new file.

    Raises:
        CheckpointError: unreadable, NaN or infinite weights, or the new file exists already.
    """
    checkpoint = read_checkpoint(source, trust=trust)
    try:
        weights = state_dict_of(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f'{source}: {error}') from error
    bad = nonfinite_keys(weights)
    if bad:
        raise CheckpointError(f'{source}: NaN or infinite values in {examples(bad)}')
    meta = checkpoint.get('meta', {})
    kept = {key: meta[key] for key in KEPT if isinstance(meta.get(key), str | int | float)}
    # A clone leaves behind what else lies in the storage of a view.
    content = {'meta': kept, 'state_dict': {key: value.clone() for key, value in weights.items()}}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    stem = Path(str(stem).removesuffix('.pth'))
    target = stem.with_name(f'{stem.name}-{digest[:8]}.pth')
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise CheckpointError(f'{target}: exists already and is not written over')
    temporary = target.with_name(target.name + '.tmp')
    temporary.write_bytes(buffer.getvalue())
    os.replace(temporary, target)
    return target


def main() -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', metavar='IN.pth', help='training checkpoint')
    parser.add_argument('stem', metavar='OUT_STEM', help='e.g. weights/avsegformer_pvt2_s4')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that holds more than tensors and plain data; this runs the code in it',
    )
    args = parser.parse_args()
    target = publish(args.source, args.stem, trust=args.trust_checkpoint)
    before, after = Path(args.source).stat().st_size, target.stat().st_size
    print(f'{target}: {after / 1e6:.1f} MB (from {before / 1e6:.1f} MB)')


if __name__ == '__main__':
    run_command(main)
