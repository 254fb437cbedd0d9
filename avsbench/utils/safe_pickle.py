"""Reads pickled tensors and arrays without running what else a pickle may hold.

Two kinds of files need it: the log-mel tensors of AVSBench, and weights as detectron2 keeps them, a
dict of NumPy arrays under `model`. A table for each kind lists all that such a file may name.

The tensors were written by `pickle.dump(tensor)`. Such a pickle names two functions of torch, one
of which (`torch.storage._load_from_bytes`) is an unrestricted load of an inner file. Both are
replaced by strict ones.
"""

import collections
import io
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsbench.utils.errors import DataError

_ZIP = b'PK\x03\x04'
_Storage = torch.storage.TypedStorage


class _LoadStorage:
    """Stands in for `torch.storage._load_from_bytes`: the inner file may hold tensors only."""

    __slots__ = ()  # a pickle can set attributes of what it names; here there are none to set

    def __call__(self, content: bytes) -> _Storage:
        try:
            storage = torch.load(io.BytesIO(content), map_location='cpu', weights_only=True)
        except pickle.UnpicklingError as error:
            # torch's text goes on to advise loading without the restriction
            names = re.findall(r'GLOBAL ([\w.]+)', str(error))
            reason = f'it asks for {names[0]}' if names else 'it is not a plain storage'
            raise pickle.UnpicklingError(f'{reason} (in the inner file)') from None
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError(f'a storage was expected, got {type(storage).__name__}')
        return storage


class _RebuildTensor:
    """Stands in for `torch._utils._rebuild_tensor_v2`: the tensor must lie inside its storage.

    torch would enlarge the storage instead, so that a few bytes could ask for all memory.
    """

    __slots__ = ()

    def __call__(
        self, storage: _Storage, offset: int, size: tuple, stride: tuple, *unused: Any
    ) -> Tensor:
        del unused  # requires_grad, backward hooks, metadata: of no use to data
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError('the tensor has no storage')
        if not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
            raise pickle.UnpicklingError('the tensor has a malformed shape')
        last = sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if 0 not in size and offset + last >= _length(storage):
            raise pickle.UnpicklingError('the tensor is larger than its storage')
        return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, {})


def _length(storage: _Storage) -> int:
    return storage._untyped_storage.nbytes() // storage.dtype.itemsize


def _encode(text: str, encoding: str) -> bytes:
    """Stands in for `_codecs.encode`, by which old protocols write bytes."""
    if type(text) is not str or encoding != 'latin1':
        raise pickle.UnpicklingError(f'it asks for an encoding {encoding!r}')
    return text.encode('latin1')


# What each kind of file may name; `_ANY` belongs to both.
_ANY = {
    ('_codecs', 'encode'): _encode,
    ('collections', 'OrderedDict'): collections.OrderedDict,
}
_TENSOR = {
    ('torch._utils', '_rebuild_tensor_v2'): _RebuildTensor(),
    ('torch.storage', '_load_from_bytes'): _LoadStorage(),
    **_ANY,
}
_ARRAYS = {
    ('numpy.core.multiarray', '_reconstruct'): np._core.multiarray._reconstruct,
    ('numpy._core.multiarray', '_reconstruct'): np._core.multiarray._reconstruct,
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    **_ANY,
}


class _Unpickler(pickle.Unpickler):
    """Knows the names of a table and nothing else."""

    def __init__(self, content: bytes, known: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(io.BytesIO(content))
        self._known = known

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}') from None


def load_tensor_pickle(path: str | Path) -> Tensor:
    """The tensor in a plain pickle such as AVSBench's `audio_log_mel/*.pkl`.

    Args:
        path: File written by `pickle.dump` of one `torch.Tensor`.

    Returns:
        The tensor, detached, on the CPU.

    Raises:
        DataError: The file can't be read, or holds anything but a tensor; nothing of it was run.
    """
    expected = 'a pickled torch tensor'
    tensor = _load(path, _TENSOR, expected)
    if type(tensor) is not Tensor:
        raise _refusal(path, f'it holds a {type(tensor).__name__}', expected)
    return tensor.detach()


def load_array_pickle(path: str | Path) -> dict[str, Tensor]:
    """The arrays of a pickled dict, or of the dict under its key `model`, as tensors.

    Args:
        path: File written by `pickle.dump` of a dict of NumPy arrays, as detectron2's `.pkl`.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        DataError: The file can't be read, or holds anything but numbers; nothing of it was run.
    """
    expected = 'a dict of NumPy arrays'
    loaded = _load(path, _ARRAYS, expected)
    if isinstance(loaded, dict):
        loaded = loaded.get('model', loaded)
    if not isinstance(loaded, dict):
        raise _refusal(path, f'it holds a {type(loaded).__name__}', expected)
    tensors = {}
    for key, array in loaded.items():
        if type(key) is not str or type(array) is not np.ndarray or array.dtype.kind not in 'biuf':
            raise _refusal(path, f'entry {key!r} is not an array of numbers', expected)
        tensors[key] = torch.from_numpy(np.array(array))
    return tensors


def _load(path: str | Path, known: Mapping[tuple[str, str], Any], expected: str) -> Any:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f'{path}: not readable ({error.strerror or error})') from error
    if content.startswith(_ZIP):
        raise _refusal(path, 'it is an archive, as torch.save and numpy.savez write', expected)
    try:
        return _Unpickler(content, known).load()
    except Exception as error:  # a malformed pickle can fail in any way; each means: refused
        raise _refusal(path, str(error) or type(error).__name__, expected) from error


def _refusal(path: str | Path, reason: str, expected: str) -> DataError:
    return DataError(f'{path}: refused: {reason}; only {expected} is read from here')
