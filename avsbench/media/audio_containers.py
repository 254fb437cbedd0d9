"""How many bytes a sound file lacks, by the sizes that its own header states.

libsndfile reads a file that was cut off as a shorter one: nothing says that samples are missing.
Layouts: RIFF and RF64 (EBU Tech 3306), Wave64 (Sony), AIFF (Apple), AU (Sun), CAF (Apple).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Sizes that writers which stream leave in a header, since they can't know the size.
_STREAMED = {*range(0x7FFFF000, 0x80000001), *range(0xFFFFF000, 0x100000000), 2**64 - 1}
_W64_TAIL = bytes.fromhex('f3acd3118cd100c04f8edb8a')  # of the ids of Wave64's chunks


@dataclass(frozen=True)
class _Chunks:
    """A container that is a row of chunks: an id, a size, the content.

    Attributes:
        start: Position of the first chunk.
        data: Id of the chunk with the samples.
        size_bytes: Bytes of a size.
        order: 'little' or 'big'.
        counts_header: Whether a size includes the chunk's id and size.
        align: Chunks begin at multiples of it.
    """

    start: int
    data: bytes
    size_bytes: int
    order: str
    counts_header: bool = False
    align: int = 2

    def missing(self, file: BinaryIO, end: int) -> int:
        """Bytes by which the chunk with the samples reaches over the end of the file."""
        position, header = self.start, len(self.data) + self.size_bytes
        real_size = None  # of RF64's samples, whose own field has no room for it
        while position + header <= end:
            file.seek(position)
            name = file.read(len(self.data))
            size = int.from_bytes(file.read(self.size_bytes), self.order)
            if name == b'ds64':
                real_size = int.from_bytes(file.read(16)[8:], 'little')
            if name == self.data:
                if size == 0xFFFFFFFF and real_size:
                    size = real_size
                length = size if self.counts_header else size + header
                return 0 if size in _STREAMED else position + length - end
            length = max(size, header) if self.counts_header else size + header
            position += -(-length // self.align) * self.align
        return 0


_RIFF = _Chunks(12, b'data', 4, 'little')
_AIFF = _Chunks(12, b'SSND', 4, 'big')
_W64 = _Chunks(40, b'data' + _W64_TAIL, 8, 'little', counts_header=True, align=8)
_CAF = _Chunks(8, b'data', 8, 'big', align=1)


def missing_bytes(path: str | Path) -> int:
    """Bytes that a sound file lacks at its end; 0 where it is whole or its header does not tell.

    Args:
        path: The file, of any kind.

    Raises:
        OSError: It can't be read.
    """
    with open(path, 'rb') as file:
        head = file.read(40)
        end = file.seek(0, 2)
        if head[:4] == b'.snd':
            start, size = (int.from_bytes(head[k : k + 4], 'big') for k in (4, 8))
            return 0 if size in _STREAMED else max(0, start + size - end)
        chunks = _kind(head)
        return 0 if chunks is None else max(0, chunks.missing(file, end))


def _kind(head: bytes) -> _Chunks | None:
    if head[:4] in (b'RIFF', b'RF64') and head[8:12] == b'WAVE':
        return _RIFF
    if head[:4] == b'FORM' and head[8:12] in (b'AIFF', b'AIFC'):
        return _AIFF
    if head[:4] == b'riff' and head[24:28] == b'wave':
        return _W64
    return _CAF if head[:4] == b'caff' else None
