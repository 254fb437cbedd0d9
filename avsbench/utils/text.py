"""Text files from users: UTF-8, with or without a byte order mark, or a clear error."""

import codecs
import json
import os
from pathlib import Path
from typing import Any

from avsbench.utils.errors import AVSBenchError, DataError

# Marks at the start of a file, the longer ones first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, 'UTF-32'),
    (codecs.BOM_UTF32_BE, 'UTF-32'),
    (codecs.BOM_UTF16_LE, 'UTF-16'),
    (codecs.BOM_UTF16_BE, 'UTF-16'),
)


def read_text(path: str | os.PathLike, kind: type[AVSBenchError] = DataError) -> str:
    """The text of a file, with `\\n` at the end of each line and without a byte order mark.

    Args:
        path: The file, in UTF-8.
        kind: Error to raise.

    Raises:
        FileNotFoundError: There is no such file.
        AVSBenchError: Of the `kind` given: the file can't be read, or is no text in UTF-8; the
            message names the line.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:
        raise kind(f'{path}: no such file: a folder on the way to it is a file') from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise kind(f'{path}: can not be read ({reason}); a text file is expected') from error
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise kind(f'{path}{_problem(content, error)}; save the file as UTF-8') from error
    return text.replace('\r\n', '\n').replace('\r', '\n')


def read_json(path: str | os.PathLike, kind: type[AVSBenchError] = DataError) -> Any:
    """The content of a json file.

    Args:
        path: The file.
        kind: Error to raise.

    Raises:
        FileNotFoundError: There is no such file.
        AVSBenchError: See `read_text`; or it is no json, and the message names the line.
    """
    return parse_json(read_text(path, kind), path, kind)


def parse_json(text: str, path: str | os.PathLike, kind: type[AVSBenchError] = DataError) -> Any:
    """The content of a json text.

    Args:
        text: The text.
        path: Where it comes from, for errors.
        kind: Error to raise.

    Raises:
        AVSBenchError: It is no json, or a key is there twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise kind(f'{path}, line {error.lineno}: not readable json ({error.msg})') from error
    except (ValueError, RecursionError) as error:
        raise kind(f'{path}: not readable json ({error})') from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; the usual parser would drop all but the last of equal keys."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'the key {key!r} is there twice in one object')
        found[key] = value
    return found


def _problem(content: bytes, error: UnicodeDecodeError) -> str:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return f': text in {name}, expected UTF-8'
    # The mark of UTF-8, if any, was left out before decoding.
    mark = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    start = mark + error.start
    line, value = content.count(b'\n', 0, start) + 1, content[start]
    if b'\0' in content:
        return f', line {line}: byte 0x{value:02x}; this is no text file'
    return f', line {line}: byte 0x{value:02x} is not UTF-8 (perhaps Latin-1 or Windows-1252)'
