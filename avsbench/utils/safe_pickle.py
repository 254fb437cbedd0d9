"""Reads pickled tensors and arrays without running what else a pickle may hold.

Two kinds of files need it: the log-mel tensors of AVSBench, and weights as detectron2 keeps them, a
dict of NumPy arrays under `model`. A table for each kind lists all that such a file may name.

The tensors were written by `pickle.dump(tensor)`. Such a pickle names two functions of torch, one
of which (`torch.storage._load_from_bytes`) is an unrestricted load of an inner file. Both are
replaced by strict ones, and so is what NumPy's pickles name: a type or an array that is given a
state of its own making can end the process.
"""

import io
import pickle
import re
from collections.abc import Iterable, Mapping
from math import prod
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


class _Encode:
    """Stands in for `_codecs.encode`, by which old protocols write bytes."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if type(text) is not str or encoding != 'latin1':
            raise pickle.UnpicklingError(f'it asks for an encoding {encoding!r:.40}')
        return text.encode('latin1')


class _OrderedDict:
    """Stands in for `collections.OrderedDict`."""

    __slots__ = ()

    def __call__(self, pairs: Iterable[tuple[str, Any]] = ()) -> dict[str, Any]:
        return {_text(key): value for key, value in pairs}


class _Kind:
    """Stands in for a `numpy.dtype` of numbers."""

    __slots__ = ('code',)

    def __init__(self, code: str, *unused: Any) -> None:
        del unused  # align, copy
        if type(code) is not str or not re.fullmatch(r'b1|[iuf][1248]', code):
            raise pickle.UnpicklingError('it has arrays that are not of numbers')
        self.code = code

    def __setstate__(self, state: tuple) -> None:
        """Take over the byte order, which is all that a dtype of numbers has."""
        if type(state) is not tuple or len(state) < 2 or state[1] not in ('<', '>', '|', '='):
            raise pickle.UnpicklingError('a dtype is malformed')
        self.code = state[1] + self.code[-2:]


class _StoredArray:
    """Stands in for a `numpy.ndarray`, whose content follows as its state.

    Attributes:
        values: The array, None before its content is there.
    """

    __slots__ = ('values',)

    def __init__(self) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        """Take over version, shape, dtype, whether the first index is the fastest, and bytes."""
        _, shape, kind, by_columns, content = state
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError('an array has a malformed shape')
        if type(kind) is not _Kind or type(content) is not bytes:
            raise pickle.UnpicklingError('it has arrays that are not of numbers')
        dtype = np.dtype(kind.code)
        if prod(shape) * dtype.itemsize != len(content):
            raise pickle.UnpicklingError('an array has another shape than its content')
        self.values = np.frombuffer(content, dtype).reshape(shape, order='F' if by_columns else 'C')


class _Name:
    """Stands in for a class that is only passed on: `numpy.ndarray`."""

    __slots__ = ()


class _Reconstruct:
    """Stands in for NumPy's `_reconstruct`, which makes an empty array."""

    __slots__ = ()

    def __call__(self, *unused: Any) -> _StoredArray:
        del unused  # class, shape and type, of which the state tells
        return _StoredArray()


class _MakeKind:
    """Stands in for `numpy.dtype`."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Kind:
        return _Kind(*arguments)


# What each kind of file may name; `_ANY` belongs to both.
_ANY = {
    ('_codecs', 'encode'): _Encode(),
    ('collections', 'OrderedDict'): _OrderedDict(),
}
_TENSOR = {
    ('torch._utils', '_rebuild_tensor_v2'): _RebuildTensor(),
    ('torch.storage', '_load_from_bytes'): _LoadStorage(),
    **_ANY,
}
_ARRAYS = {
    ('numpy.core.multiarray', '_reconstruct'): _Reconstruct(),
    ('numpy._core.multiarray', '_reconstruct'): _Reconstruct(),
    ('numpy', 'ndarray'): _Name(),
    ('numpy', 'dtype'): _MakeKind(),
    **_ANY,
}


def _text(key: Any) -> str:
    """A key of a dict, which must be text.

    Tuples can be nested so that their hash takes for ever or ends the process.
    """
    if type(key) is not str:
        raise pickle.UnpicklingError(f'a key is of type {type(key).__name__}, expected text')
    return key


class _Unpickler(pickle._Unpickler):
    """Knows the names of a table and nothing else.

    Python's own form of the unpickler: the compiled one allocates what the numbers in a file say,
    and lets objects of torch take any state.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, content: bytes, known: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(io.BytesIO(content))
        self._known = known

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}') from None

    def load_build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], _Kind | _StoredArray):
            self.stack[-1].__setstate__(state)
        elif type(self.stack[-1]) is not dict:  # of which attributes are of no use
            name = type(self.stack[-1]).__name__
            raise pickle.UnpicklingError(f'it gives a {name} a state of its own')

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({_text(key): value for key, value in zip(items[::2], items[1::2], strict=True)})

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][_text(key)] = value

    def load_setitems(self) -> None:
        items = self.pop_mark()
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][_text(key)] = value

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    for _code in (pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET, pickle.BYTEARRAY8):
        del dispatch[_code[0]]


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
        if type(array) is not _StoredArray or array.values is None:
            raise _refusal(path, f'entry {key!r:.80} is not an array of numbers', expected)
        values = array.values
        tensors[key] = torch.from_numpy(values.astype(values.dtype.newbyteorder('=')))
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
