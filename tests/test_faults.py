"""docs/faults.md names tests that there are, and no row twice."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = {
    row: cells
    for line in (ROOT / 'docs' / 'faults.md').read_text().splitlines()
    if re.match(r'\| [A-E]\d+ ', line)
    for row, *cells in [[cell.strip() for cell in line.strip('| ').split(' | ')]]
}


@cache
def names_in(file: str) -> set[str]:
    """`name` of each test of a file, `Class::name` in a class."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f'{node.name}::' if isinstance(node, ast.ClassDef) else ''
        found |= {f'{prefix}{f.name}' for f in inside if isinstance(f, ast.FunctionDef)}
    return found


def test_every_row_names_tests_that_there_are() -> None:
    assert ROWS
    for row, cells in ROWS.items():
        assert len(cells) == 3, row
        named = re.findall(r'`([\w/]+\.py)::([\w:]+)`', cells[-1])
        assert named, row
        for file, name in named:
            assert name in names_in(file), f'{row}: {file}::{name}'


def test_no_row_is_there_twice() -> None:
    text = (ROOT / 'docs' / 'faults.md').read_text()
    assert len(re.findall(r'^\| [A-E]\d+ ', text, re.MULTILINE)) == len(ROWS)
