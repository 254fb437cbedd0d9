"""Seeded damage to valid files: of any kind, and of the kinds that go deeper into one format.

A decoder that checks sums or lengths first refuses most random damage at once. So a zip archive is
also packed again around a damaged member, the sums of a PNG are put right, and numbers are written
where a format has its own: sizes of boxes, of markers, of arrays.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

import numpy as np

Mutator = Callable[[bytes, np.random.Generator], bytes]

LONGEST = 1 << 20  # bytes of a mutated file
_EXTREMES = (0, 1, 2, 7, 255, 0x7FFF, 0x8000, 0xFFFF, 60_000, 1 << 20, 0x7FFFFFFF, 1 << 31)
_EXTREMES += ((1 << 32) - 1, (1 << 32) - 8, (1 << 62), (1 << 63) - 1, (1 << 64) - 1)
_HEADER = 256  # bytes at the start of a file, where most numbers are


def flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 17))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def truncate(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def remove_span(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _span(content, rng)
    return content[:start] + content[stop:]


def duplicate_span(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _span(content, rng)
    times = int(rng.choice([1, 1, 2, 16, 1000]))
    times = max(1, min(times, (LONGEST - len(content)) // max(1, stop - start)))
    return content[:stop] + content[start:stop] * times + content[stop:]


def move_span(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _span(content, rng)
    rest, place = content[:start] + content[stop:], int(rng.integers(len(content)))
    return rest[:place] + content[start:stop] + rest[place:]


def fill_span(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _span(content, rng)
    kind = int(rng.integers(3))
    filler = rng.bytes(stop - start) if kind == 2 else bytes([255 * kind]) * (stop - start)
    return content[:start] + filler + content[stop:]


def insert_noise(content: bytes, rng: np.random.Generator) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.bytes(int(rng.integers(1, 64))) + content[place:]


def extreme_number(content: bytes, rng: np.random.Generator) -> bytes:
    """A number as headers have them, of 1 to 8 bytes in either order."""
    size = int(rng.choice([1, 2, 4, 4, 8]))
    number = int(rng.choice(len(_EXTREMES)))
    order = ('little', 'big')[int(rng.integers(2))]
    return _overwrite(content, _place(content, rng), _packed(_EXTREMES[number], size, order))


GENERIC: tuple[Mutator, ...] = (
    *(flip_bits, truncate, remove_span, duplicate_span, move_span),
    *(fill_span, insert_noise, extreme_number, extreme_number),
)

_TOKENS = (
    *('NaN', 'Infinity', '-Infinity', '1e999', '-1', '0', '-0', '1.5', '9' * 30, '9' * 5000),
    *('null', 'true', '""', '[]', '{}', '[' * 100_000, '{"a":' * 20_000, '(' * 300, '"', "'"),
    *(',', ';', '\n', '\r', '\x00', '\ufeff', '\u2028', '\ud800', '..', '../../x', '/etc/passwd'),
    *('\\', '%s', '$(id)', 'a' * 70_000, '\t', '²', '١', '1_000', '0x10', '-' * 2000, '~'),
    *('&a [*a, *a]', '!!python/object/apply:os.mkdir [escaped]', '<<', '- ' * 3000, '{{ x }}'),
)


def insert_token(content: bytes, rng: np.random.Generator) -> bytes:
    """Text that readers of text stumble over, in front of or in place of a word."""
    token = _TOKENS[int(rng.integers(len(_TOKENS)))].encode('utf-8', 'surrogatepass')
    words = [match.span() for match in re.finditer(rb'[\w.]+|[^\w\s]', content)]
    start, stop = words[int(rng.integers(len(words)))] if words else (0, 0)
    return content[:start] + token + content[stop if rng.integers(2) else start :]


TEXT: tuple[Mutator, ...] = (*GENERIC, *(insert_token,) * 6)


def repack_png(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage to one chunk of a PNG, with the right length and sum again."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], 'big')
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    if not chunks:
        return content
    number = int(rng.integers(len(chunks)))
    name, body = chunks[number]
    if name == b'IDAT' and rng.integers(2):
        try:
            body = zlib.compress(_any(GENERIC, zlib.decompress(body), rng))
        except zlib.error:
            pass
    elif body:
        body = _any((flip_bits, extreme_number, extreme_number, truncate), body, rng)
    if rng.integers(8) == 0:
        name = (b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'iCCP', b'zTXt', b'acTL')[rng.integers(7)]
    chunks[number] = (name, body)
    if rng.integers(8) == 0:
        chunks.insert(int(rng.integers(len(chunks) + 1)), chunks[number])
    packed = (
        struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))
        for name, body in chunks
    )
    return content[:8] + b''.join(packed)


def marker_number(content: bytes, rng: np.random.Generator) -> bytes:
    """An extreme length or size behind a marker of a JPEG."""
    places = [match.end() for match in re.finditer(rb'\xff[\xc0-\xfe]', content)]
    if not places:
        return content
    place = places[int(rng.integers(len(places)))] + int(rng.choice([0, 0, 3, 5, 7]))
    return _overwrite(content, place, _packed(_extreme(rng), 2, 'big'))


def box_number(content: bytes, rng: np.random.Generator) -> bytes:
    """An extreme number in or before a box of an mp4."""
    places = [m.start() for m in re.finditer(rb'[a-z][a-z0-9]{3}', content[-4096:] + content)]
    place = places[int(rng.integers(len(places)))] if places else 0
    place = max(0, place + 4 * int(rng.integers(-1, 12)))
    return _overwrite(content, place, _packed(_extreme(rng), 4, 'big'))


_CALLS = ('os mkdir', 'builtins eval', 'torch _load', 'numpy ndarray', 'builtins getattr')


def pickle_opcode(content: bytes, rng: np.random.Generator) -> bytes:
    """An extreme number, another call, or an opcode too many or too few in a pickle."""
    kind = int(rng.integers(4))
    if kind == 0:  # BININT, LONG1, BININT1 ...
        code, size = ((b'J', 4), (b'M', 2), (b'K', 1), (b'X', 4), (b'T', 4))[rng.integers(5)]
        places = [m.end() for m in re.finditer(re.escape(code), content)]
        if places:
            place = places[int(rng.integers(len(places)))]
            return _overwrite(content, place, _packed(_extreme(rng), size, 'little'))
    if kind == 1:
        calls = list(re.finditer(rb'c[\w.]+\n\w+\n', content))
        if calls:
            found = calls[int(rng.integers(len(calls)))]
            name = _CALLS[int(rng.integers(len(_CALLS)))].replace(' ', '\n').encode()
            return content[: found.start()] + b'c' + name + b'\n' + content[found.end() :]
    place = _place(content, rng)
    opcodes = b'(.0123FIJKLMNPQRSTUVX[]abcdegijlopqrstu}\x80\x81\x85\x86\x87\x88\x8a\x8b\x8c\x93'
    code = opcodes[int(rng.integers(len(opcodes)))]
    big = b'\x8b' + struct.pack('<i', -1) if kind == 3 else bytes([code])
    return content[:place] + big + content[place + int(rng.integers(2)) :]


PICKLE: tuple[Mutator, ...] = (*GENERIC, *(pickle_opcode,) * 8)


def repack_zip(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage to one member of an archive, which is packed again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except Exception:  # noqa: BLE001  what an earlier mutation left is no archive
        return content
    if not members:
        return content
    number = int(rng.integers(len(members)))
    pickles = [k for k, (name, _) in enumerate(members) if name.endswith('.pkl')]
    if pickles and rng.integers(4):
        number = pickles[0]
    name, body = members[number]
    if body:
        body = _any(PICKLE if name.endswith('.pkl') else GENERIC, body, rng)
    if rng.integers(10) == 0:
        name = ('../escaped', '/tmp/escaped', name + 'x', '', name.upper())[rng.integers(5)]
    members[number] = (name, body)
    if rng.integers(10) == 0:
        members.append(members[int(rng.integers(len(members)))])
    buffer = io.BytesIO()
    packing = zipfile.ZIP_DEFLATED if rng.integers(10) == 0 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, 'w', packing) as archive:
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name), body, packing)
    return buffer.getvalue()


def npy_header(content: bytes, rng: np.random.Generator) -> bytes:
    """Another shape or type in the header of a .npy."""
    shapes = ('(1000000000000,)', '(-1, 2)', '(2, 3)', '()', '(0, 5, 5)', "'x'", '(1e9,)', 'None')
    kinds = ("'|O'", "'<U9'", "'>f8'", "'<c16'", "'|V0'", "'<m8'", "[('a','<f4')]", "'<f2'", '7')
    text = content
    if rng.integers(2):
        shape = shapes[int(rng.integers(len(shapes)))].encode()
        text = re.sub(rb"(?<='shape': )\([^)]*\)", lambda _: shape, text, count=1)
    else:
        kind = kinds[int(rng.integers(len(kinds)))].encode()
        text = re.sub(rb"(?<='descr': )'[^']*'", lambda _: kind, text, count=1)
    more = len(content) - len(text)
    return text.replace(b'\n', b' ' * max(0, more) + b'\n', 1)


def mutate(content: bytes, mutators: Sequence[Mutator], rng: np.random.Generator) -> bytes:
    """One to three mutations of a file, one after the other."""
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if content:
            content = _any(mutators, content, rng)
    return content[:LONGEST]


def _any(mutators: Sequence[Mutator], content: bytes, rng: np.random.Generator) -> bytes:
    return mutators[int(rng.integers(len(mutators)))](content, rng)


def _extreme(rng: np.random.Generator) -> int:
    return _EXTREMES[int(rng.integers(len(_EXTREMES)))]


def _packed(number: int, size: int, order: str) -> bytes:
    return (number & ((1 << 8 * size) - 1)).to_bytes(size, order)


def _overwrite(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


def _place(content: bytes | bytearray, rng: np.random.Generator) -> int:
    """Every other one in the header."""
    end = min(len(content), _HEADER) if rng.integers(2) else len(content)
    return int(rng.integers(end))


def _span(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = _place(content, rng)
    longest = int(rng.choice([4, 16, 64, 1024, len(content)]))
    return start, min(len(content), start + 1 + int(rng.integers(longest)))
