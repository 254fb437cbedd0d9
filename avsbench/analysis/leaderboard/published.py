"""Published numbers, from a csv file."""

import csv
import io
from pathlib import Path

from avsbench.layouts import LAYOUTS
from avsbench.utils.errors import DataError
from avsbench.utils.text import read_text

COLUMNS = (
    *('subset', 'system', 'backbone', 'pixels', 'protocol'),
    *('J', 'F', 'JF', 'f_group', 'source', 'note'),
)
"""Columns of the file; what is not known is empty, but subset, system, protocol and source.

`J`, `F` and `JF` (their mean) are percentages as the source prints them, `f_group` is the number of
clips that the source takes the best threshold of F over.
"""
PROTOCOLS = ('per frame', 'whole set', 'not stated')
_NEEDED = ('subset', 'system', 'protocol', 'source')


def read_published(path: str | Path) -> list[dict[str, str]]:
    """Rows of the file.

    Raises:
        DataError: A row has no source or no number, or holds what is not expected.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f'{path}: expected the columns {", ".join(COLUMNS)}')
    rows = list(reader)
    for number, row in enumerate(rows, start=2):
        problem = _problem(row)
        if problem:
            raise DataError(f'{path}, line {number}: {problem}')
    return rows


def _problem(row: dict[str, str]) -> str | None:
    if None in row.values() or None in row:
        return f'expected {len(COLUMNS)} cells'
    empty = [name for name in _NEEDED if not row[name].strip()]
    if empty:
        return f'no {empty[0]}'
    if row['subset'] not in LAYOUTS:
        return f'subset {row["subset"]!r}, expected one of {", ".join(LAYOUTS)}'
    if row['protocol'] not in PROTOCOLS:
        return f'protocol {row["protocol"]!r}, expected one of {", ".join(PROTOCOLS)}'
    if not (row['J'] or row['JF']):
        return 'neither J nor JF; a row without a number says nothing'
    for name in ('J', 'F', 'JF'):
        if row[name] and not _is_percentage(row[name]):
            return f'{name} {row[name]!r}, expected a percentage such as 83.06, or nothing'
    return None


def _is_percentage(text: str) -> bool:
    try:
        return 1 < float(text) <= 100
    except ValueError:
        return False
