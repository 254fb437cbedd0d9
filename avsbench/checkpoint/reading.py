"""Reading checkpoint files without running anything that they bring along.

A checkpoint is a pickle, and a pickle can run commands. Files are therefore read with torch's
restricted unpickler, which knows tensors and plain data only. There is no second attempt without
it: `trust=True` (`--trust-checkpoint` on the command line) is the one way to read anything else.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pickletools
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avsbench.checkpoint.bounds import check_nesting
from avsbench.utils.errors import CheckpointError, examples, nearest

# Published files hold the training's command line, which is plain data.
PLAIN_DATA = [argparse.Namespace]
_DTYPES = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    *(torch.complex64, torch.complex128),
}
# Key of the `meta` of checkpoints that leave out what is in other files, and name these.
TRAINED_ONLY = 'frozen'
# Of a safetensors file's metadata, which is text always.
_STRUCTURES = ('dataset_meta', 'metrics', 'synthetic', TRAINED_ONLY)  # as json
_WHOLE_NUMBERS = ('num_classes', 'epoch', 'iter', 'seed')


_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+:/')  # a Path has merged the two slashes
# as torch.hub and `avsbench publish` name files
_HASHED_NAME = re.compile(r'-([0-9a-f]{8})\.(?:pth|pt|safetensors)$')


def read_checkpoint(path: str | Path, *, trust: bool = False, mmap: bool = False) -> dict:
    """Read a checkpoint file on the CPU.

    Args:
        path: A file of `torch.save`, or `.safetensors` where that package is installed.
        trust: Unpickle without restriction, which runs whatever code the file contains.
        mmap: Leave the tensors on disk until they are used; for a look at `meta`.

    Returns:
        What was saved; a `.safetensors` file as `{'state_dict': ..., 'meta': ...}`.

    Raises:
        CheckpointError: Missing, damaged, something else than a checkpoint, refused, or of another
            content than the hash in its name says.
    """
    path = Path(path)
    check_file(path)
    is_zip = path.suffix != '.safetensors' and _check_content(path)
    if not mmap:
        _check_hash(path)
    if path.suffix == '.safetensors':
        return _read_safetensors(path)
    if not trust:
        check_nesting(path, is_zip=is_zip)
    try:
        with torch.serialization.safe_globals(PLAIN_DATA):
            checkpoint = torch.load(
                str(path), map_location='cpu', weights_only=not trust, mmap=mmap and is_zip
            )
    except Exception as error:
        raise CheckpointError(_unreadable(path, error)) from error
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError(
            f'{path}: holds a {type(checkpoint).__name__}, expected a dict of weights, or one '
            "with the weights under 'state_dict' or 'model'"
        )
    return dict(checkpoint)


def state_dict_of(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights in a checkpoint: plain or under `state_dict` or `model`.

    Keys lose what wrappers of the network add to them: `module.` of a distributed training, and
    `_orig_mod.` of `torch.compile`.

    Args:
        checkpoint: As `read_checkpoint` returns it.

    Raises:
        CheckpointError: There is none, or a key or value is not one of a network.
    """
    state = checkpoint
    for key in ('state_dict', 'model'):
        if isinstance(checkpoint.get(key), Mapping):
            state = checkpoint[key]
            break
    others = [str(key) for key, value in state.items() if not isinstance(value, Tensor)]
    if others or not state:
        found = f'not a tensor: {examples(others)}' if others else 'it is empty'
        raise CheckpointError(f'no state dict in the checkpoint: {found}')
    _check_entries(state)
    renamed = {key.replace('_orig_mod.', ''): value for key, value in state.items()}
    if all(key.startswith('module.') for key in renamed):
        renamed = {key.removeprefix('module.'): value for key, value in renamed.items()}
    if len(renamed) < len(state):
        raise CheckpointError('the checkpoint has keys both with and without `_orig_mod.`')
    return renamed


def read_weights(path: str | Path, *, trust: bool = False) -> dict[str, Tensor]:
    """The weights of a checkpoint file, see `read_checkpoint` and `state_dict_of`.

    Raises:
        CheckpointError: Unreadable, or without weights; the message begins with the path.
    """
    checkpoint = read_checkpoint(path, trust=trust)
    meta = checkpoint.get('meta')
    if isinstance(meta, Mapping) and TRAINED_ONLY in meta:
        raise CheckpointError(
            f'{path}: holds the trained part of a network only; a whole one is needed here, as '
            'trainings save with default_hooks.checkpoint.trained_only=False'
        )
    try:
        return state_dict_of(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f'{path}: {error}') from error


def _check_entries(state: Mapping[Any, Tensor]) -> None:
    """Names are text, and tensors are of the kinds that a network's parameters are.

    Raises:
        CheckpointError: One of them is of another kind.
    """
    numbers = [repr(key) for key in state if not isinstance(key, str)]
    if numbers:
        raise CheckpointError(
            f'keys of a state dict are text, and the checkpoint has {examples(numbers)}'
        )
    odd = [f'{key} ({kind})' for key, value in state.items() if (kind := _odd_kind(value))]
    if odd:
        raise CheckpointError(
            f'{len(odd)} tensors of the checkpoint are of a kind that networks do not hold: '
            f'{examples(odd)}; save them as dense tensors, in float32 for example'
        )


def _odd_kind(value: Tensor) -> str | None:
    """What is special about a tensor; None for a dense one of an ordinary type."""
    if value.is_quantized or value.dtype not in _DTYPES:
        return str(value.dtype).removeprefix('torch.')
    if value.layout != torch.strided or value.is_nested:
        return str(value.layout).removeprefix('torch.')
    return 'without values' if value.is_meta else None


def check_file(path: str | Path) -> None:
    """Check that a checkpoint file is there, without reading it.

    Raises:
        CheckpointError: No such file, a URL, a directory, or an empty file.
    """
    if _URL.match(str(path)):
        raise CheckpointError(
            f'{path}: a URL; nothing is downloaded from one here. Download the file, compare its '
            'hash with the one that its makers name, and give its path'
        )
    path = Path(path)
    if os.path.isdir(path):
        names = sorted(p.name for p in path.glob('*.pth'))
        found = f'; it holds {examples(names)}' if names else ''
        raise CheckpointError(f'{path}: is a directory, expected a checkpoint file{found}')
    if not os.path.exists(path):
        folder = path.parent
        names = sorted(p.name for p in folder.glob('*')) if os.path.isdir(folder) else []
        raise CheckpointError(f'{path}: no such checkpoint file{nearest(path.name, names)}')
    if path.stat().st_size == 0:
        raise CheckpointError(f'{path}: the file is empty; download or save it again')


def _check_hash(path: Path) -> None:
    """Compare a published file, `<name>-<8 digits>.pth`, with the hash that its name holds."""
    named = _HASHED_NAME.search(path.name)
    if named and not (found := sha256_of(path)).startswith(named[1]):
        raise CheckpointError(
            f'{path}: by its name its SHA-256 begins with {named[1]}, but it is {found}: the file '
            'is damaged or another one; download it again, or rename it if you have changed it'
        )


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values, 64 hexadecimal digits."""
    values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(memoryview(values.numpy())).hexdigest()


def _check_content(path: Path) -> bool:
    """Tell what else it may be; return whether it is a zip archive, torch's usual format."""
    with open(path, 'rb') as file:
        head = file.read(512).lstrip()
    if head.startswith(b'<'):
        raise CheckpointError(
            f'{path}: is a web page, not a checkpoint: the download was answered with an error '
            'or quota page'
        )
    if head.startswith(b'version https://git-lfs'):
        raise CheckpointError(
            f'{path}: is a git-lfs pointer, not the file itself; run `git lfs pull`'
        )
    if not head.startswith((b'PK', b'\x80')):
        raise CheckpointError(f'{path}: not a checkpoint: neither a zip archive nor a pickle')
    if head.startswith(b'PK'):
        _check_archive(path)
        return True
    return False


def _check_archive(path: Path) -> None:
    try:
        if not zipfile.is_zipfile(path):
            raise CheckpointError(
                f'{path}: the file is truncated (a zip archive without its end); copy or download '
                'it again'
            )
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            is_program = any(name.endswith('/constants.pkl') for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise CheckpointError(
            f'{path}: a damaged zip archive ({error}); copy or download it again'
        ) from error
    if unpacked > 2 * path.stat().st_size:
        raise CheckpointError(
            f'{path}: {path.stat().st_size} bytes would unpack to {unpacked}; checkpoints are '
            'not compressed, so this is none'
        )
    if is_program:
        raise CheckpointError(f'{path}: is a TorchScript program, expected a dict of weights')


def _unreadable(path: Path, error: Exception) -> str:
    text = str(error)
    refused = re.search(r'(?:GLOBAL|Unsupported global: GLOBAL) ([\w.]+)', text)
    if refused:
        return (
            f'{path}: refused: it calls {refused.group(1)!r} while loading, and only tensors and '
            'plain data are allowed. If you trust its origin, pass --trust-checkpoint'
        )
    called = _globals_of_pickle(path)
    if called:
        return f'{path}: refused: a pickle, not a file of torch.save, that calls {examples(called)}'
    reason = text.split('WeightsUnpickler error:')[-1].strip()
    first = reason.splitlines()[0] if reason else type(error).__name__
    return f'{path}: not a file of torch.save, or damaged ({first})'


def _globals_of_pickle(path: Path) -> list[str]:
    """What a bare pickle imports, read from its opcodes without running it."""
    found, strings = [], []
    try:
        with open(path, 'rb') as file:
            for opcode, argument, _ in pickletools.genops(file):
                if 'UNICODE' in opcode.name:
                    strings.append(argument)
                elif opcode.name == 'GLOBAL':
                    found.append(argument.replace(' ', '.'))
                elif opcode.name == 'STACK_GLOBAL':
                    found.append('.'.join(strings[-2:]))
    except (ValueError, MemoryError):  # a zip archive, or damaged: what was found still counts
        pass
    return found


def _read_safetensors(path: Path) -> dict:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise CheckpointError(f'{path}: needs the package safetensors (pip install it)') from error
    try:
        with safe_open(path, framework='pt') as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {'state_dict': state, 'meta': _from_texts(file.metadata() or {})}
    except SafetensorError as error:
        raise CheckpointError(f'{path}: not a safetensors file, or damaged ({error})') from error


def _from_texts(texts: Mapping[str, str]) -> dict[str, Any]:
    """Metadata of a safetensors file with the kinds of values that a checkpoint of ours has."""
    meta: dict[str, Any] = dict(texts)
    for key in _WHOLE_NUMBERS:
        if re.fullmatch(r'\d{1,18}', texts.get(key, '')):
            meta[key] = int(texts[key])
    for key in _STRUCTURES:
        with contextlib.suppress(ValueError):  # of others' files, which stays text
            meta[key] = json.loads(texts.get(key, ''))
    return meta
