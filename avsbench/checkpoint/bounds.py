"""What reading a checkpoint may cost, beyond the bytes that it has.

torch's restricted unpickler runs nothing, but takes each key of a dict that it finds. A tuple of
tuples, each of which holds the one before it twice, takes a few bytes for a level and doubles the
time to hash it.
"""

import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from avsbench.utils.errors import CheckpointError

MOST_ENTRIES = 10**6  # of a tuple, those of the tuples in it included
DEEPEST = 50
LEGACY_PICKLES = 5  # of a file that is no archive: marks, versions, objects, keys of storages
# What opcodes of anything but a pickle, or of a damaged one, end in, and zipfile too.
_NOT_FOLLOWED = (ValueError, IndexError, KeyError, EOFError, AttributeError, TypeError)
_NOT_FOLLOWED += (OSError, NotImplementedError, RuntimeError, MemoryError)


class _Value(NamedTuple):
    """What stands for a value: how much hashing it visits, and how deep."""

    entries: int = 1
    depth: int = 0


def check_nesting(path: Path, *, is_zip: bool) -> None:
    """Check that no tuple of a checkpoint's pickles takes long to hash; nothing is unpickled.

    A pickle that can't be followed passes: the unpickler says what is wrong with it.

    Raises:
        CheckpointError: One does.
    """
    try:
        largest = [_largest(stream) for stream in _pickles(path, is_zip)]
    except (*_NOT_FOLLOWED, zipfile.BadZipFile, zlib.error):
        return
    deepest = max((value.depth for value in largest), default=0)
    if deepest > DEEPEST or any(value.entries > MOST_ENTRIES for value in largest):
        raise CheckpointError(
            f'{path}: refused: it holds tuples in tuples, {deepest} deep, which no training writes'
        )


def _pickles(path: Path, is_zip: bool) -> Iterator[BinaryIO]:
    if not is_zip:
        with open(path, 'rb') as file:
            for _ in range(LEGACY_PICKLES):
                yield file
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith('.pkl'):
                with archive.open(name) as file:
                    yield file


def _largest(stream: BinaryIO) -> _Value:
    """The tuple of a pickle that is longest to hash, by following its opcodes."""
    stack: list[_Value | None] = []  # None: a mark
    memo: dict[int, _Value] = {}
    largest = _Value()
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in ('PUT', 'BINPUT', 'LONG_BINPUT', 'MEMOIZE'):
            memo[len(memo) if name == 'MEMOIZE' else int(argument)] = stack[-1] or _Value()
        elif name in ('GET', 'BINGET', 'LONG_BINGET'):
            stack.append(memo[int(argument)])
        elif name == 'DUP':
            stack.append(stack[-1])
        else:
            popped = _pop(stack, opcode)
            made = _Value()
            if name in ('TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3', 'FROZENSET'):
                entries = 1 + sum(value.entries for value in popped)
                made = _Value(entries, 1 + max((value.depth for value in popped), default=0))
                largest = _Value(*map(max, largest, made))
            after = opcode.stack_after
            stack += [None if kind is pickletools.markobject else made for kind in after]
    return largest


def _pop(stack: list[_Value | None], opcode: pickletools.OpcodeInfo) -> list[_Value]:
    """Take what an opcode takes from the stack."""
    popped: list[_Value] = []
    for kind in reversed(opcode.stack_before):
        if kind is pickletools.stackslice:
            while stack[-1] is not None:
                popped.append(stack.pop())
        else:
            value = stack.pop()
            popped += [] if value is None else [value]
    return popped
