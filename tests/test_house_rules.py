"""The rules of CONTRIBUTING.md that ruff has no rule for."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(
    path
    for folder in ('avsbench', 'tools', 'demo', 'ops', 'tests')
    for path in (ROOT / folder).rglob('*.py')
    if 'build' not in path.parts
) + [ROOT / 'train.py', ROOT / 'test.py']
PRODUCT = [path for path in CODE if 'tests' not in path.relative_to(ROOT).parts]

MAX_FILE = 400  # lines
MAX_FUNCTION = 45  # lines without the docstring
MAX_ARGUMENTS = 10  # of a constructor
SECTION = re.compile(r'^(Args|Attributes|Returns|Raises|Yields):$')
ENTRY = re.compile(r'^    (?=\S)(?:[\w`*, ]+(?: \([^)]*\))?: )(\S)')


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    total = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        total -= function.body[0].end_lineno - function.body[0].lineno + 1
    return total


def violations(paths: list[Path], found: Callable[[Path], list[str]]) -> list[str]:
    return [f'{name(path)}: {what}' for path in paths for what in found(path)]


def test_files_are_short() -> None:
    def long(path: Path) -> list[str]:
        count = len(path.read_text().splitlines())
        return [f'{count} lines'] if count > MAX_FILE else []

    assert violations(CODE, long) == []


def test_functions_fit_a_screen() -> None:
    def long(path: Path) -> list[str]:
        counts = {function.name: lines(function) for function in functions(path)}
        return [f'{key} {count} lines' for key, count in counts.items() if count > MAX_FUNCTION]

    assert violations(PRODUCT, long) == []


def test_constructors_take_few_arguments() -> None:
    def wide(path: Path) -> list[str]:
        found = []
        for function in functions(path):
            given = function.args
            count = len(given.posonlyargs + given.args + given.kwonlyargs) - 1
            if function.name == '__init__' and count > MAX_ARGUMENTS:
                found.append(f'line {function.lineno}, {count} arguments')
        return found

    assert violations(PRODUCT, wide) == []


def small_entries(docstring: str) -> list[str]:
    """Entries of the docstring's sections that begin with a small letter."""
    found, inside = [], False
    for line in docstring.splitlines():
        if line and not line.startswith(' '):
            inside = bool(SECTION.match(line))
        elif inside and (entry := ENTRY.match(line)) and entry[1].islower():
            found.append(line.strip())
    return found


def test_docstring_entries_begin_with_a_capital() -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

    def small(path: Path) -> list[str]:
        nodes = [node for node in ast.walk(ast.parse(path.read_text()))]
        docstrings = [ast.get_docstring(node) for node in nodes if isinstance(node, documented)]
        return [entry for docstring in docstrings for entry in small_entries(docstring or '')]

    assert violations(PRODUCT, small) == []


def test_these_rules_can_fail() -> None:
    docstring = 'Do.\n\nArgs:\n    one: (N,) bool.\n    two: the second.\n    three: Good.'
    assert small_entries(docstring) == ['two: the second.']
    function = ast.parse('def f():\n    """Doc."""\n    return 1\n').body[0]
    assert lines(function) == 2


def test_no_folder_holds_a_single_file() -> None:
    def alone(folder: Path) -> bool:
        entries = [entry for entry in folder.iterdir() if entry.name != '__pycache__']
        return len([entry for entry in entries if entry.name != '__init__.py']) == 1

    assert [name(folder) for folder in {path.parent for path in CODE} if alone(folder)] == []
