"""The files that a text config is made of, and the variables that they read from each other."""

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.text import parse_json, read_text

SUFFIXES = ('.py', '.json', '.yaml', '.yml')

# `{{ _base_.lr }}`, which mmengine replaces by a variable of a base, in every format
_BASE_VARIABLE = re.compile(r'\{\{\s*_base_\.(\w+)[\w.]*\s*\}\}')
_TEMPLATE = re.compile(r'\{\{.*?\}\}')


class _UniqueLoader(yaml.SafeLoader):
    """Reads plain data, and refuses keys of which it would drop all but the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """A mapping."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if names.count(name) > 1 and name != '<<':
                raise yaml.constructor.ConstructorError(
                    problem=f'the key {name!r} is there twice', problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


def check_sources(path: Path, above: tuple[Path, ...] = ()) -> None:
    """Refuse a config with a file that is no text or has an error of syntax, or lacks a base.

    Args:
        path: The config.
        above: The files that build on it.

    Raises:
        ConfigError: Names the file, which may be a base, and the line.
    """
    for base in _bases(path):
        if base.resolve() in (file.resolve() for file in (*above, path)):
            raise ConfigError(f'{path}: _base_ leads back to {base}, which builds on this file')
        if not base.is_file():
            near = sorted(p.name for p in base.parent.glob('*') if p.suffix in SUFFIXES)
            raise ConfigError(f'{path}: _base_: no file {base}{nearest(base.name, near)}')
        check_sources(base, (*above, path))


def sources(path: Path) -> list[Path]:
    """The config file and the bases it is built from, nearest first, without missing ones.

    Raises:
        ConfigError: See `check_sources`.
    """
    return [source for level in source_levels(path) for source in level]


def source_levels(path: Path) -> list[list[Path]]:
    """The config file, then its bases, then their bases ...

    Raises:
        ConfigError: See `check_sources`.
    """
    levels, level, seen = [], [path], set()
    while level:
        level = [file for file in level if file.is_file() and file.resolve() not in seen]
        seen |= {file.resolve() for file in level}
        levels.append(level)
        level = [base for file in level for base in _bases(file)]
    return levels


def unread_names(path: Path) -> dict[Path, set[str]]:
    """Names that a file sets and neither it nor a file that builds on it reads.

    A base has been executed before the file that names it, so it can't see what that one sets.
    """
    read: set[str] = set()
    unread: dict[Path, set[str]] = {}
    for level in source_levels(path):
        for source in level:
            read.update(_BASE_VARIABLE.findall(read_text(source, ConfigError)))
        for node in (node for source in level for node in ast.walk(syntax_tree(source))):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.add(node.id)
            elif isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == '_base_':
                read.add(node.attr)
        for source in level:
            unread[source] = {name for name, _ in _assignments(source)} - read - {'_base_'}
    return unread


def is_read_under_another_name(path: str | Path, name: str) -> bool:
    """Whether a config file reads a variable for anything but a key of the same name."""

    def reads(tree: ast.AST) -> int:
        return sum(
            (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
            for node in ast.walk(tree)
        )

    for source in sources(Path(path)):
        tree = syntax_tree(source)
        words = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
        if reads(tree) > sum(reads(word.value) for word in words if word.arg == name):
            return True
        if name in _BASE_VARIABLE.findall(read_text(source, ConfigError)):
            return True
    return False


def syntax_tree(source: Path) -> ast.Module:
    """The parsed file; empty for one that is no Python.

    Raises:
        ConfigError: See `check_sources`.
    """
    content = _content(source)
    return content if isinstance(content, ast.Module) else ast.parse('')


def _bases(source: Path) -> list[Path]:
    found = []
    for value in (value for name, value in _assignments(source) if name == '_base_'):
        texts = _texts(value)
        if texts is None:
            raise ConfigError(
                f'{source}: _base_ should be the path of a config, or a list of paths, relative '
                'to this file'
            )
        found += [source.parent / text for text in texts if '::' not in text]
    return found


def _assignments(source: Path) -> Iterator[tuple[str, Any]]:
    """Names at the top level of a file, each with its value, or in Python with its expression."""
    content = _content(source)
    if isinstance(content, Mapping):
        yield from content.items()
        return
    for node in content.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            for name in (part.id for part in parts if isinstance(part, ast.Name)):
                yield name, node.value


def _texts(value: Any) -> list[str] | None:
    """A text, or those of a list; None if it is something else."""
    if isinstance(value, ast.AST):
        try:
            value = ast.literal_eval(value)
        except ValueError:  # computed, such as 'a' + 'b'
            return []
    texts = list(value) if isinstance(value, list | tuple) else [value]
    return texts if all(isinstance(text, str) for text in texts) else None


def _content(source: Path) -> ast.Module | Mapping[str, Any]:
    """A file as its syntax tree, or what it holds where it is json or yaml."""
    text = read_text(source, ConfigError)
    if '\0' in text:
        line = text.count('\n', 0, text.index('\0')) + 1
        raise ConfigError(f'{source}, line {line}: a null byte; this is no text, or damaged')
    if source.suffix == '.py':
        return _parse_python(source, text)
    if source.suffix not in SUFFIXES:
        raise ConfigError(f'{source}: a config, and a base of one, ends in {", ".join(SUFFIXES)}')
    text = _TEMPLATE.sub('x', text)
    content = (
        parse_json(text, source, ConfigError)
        if source.suffix == '.json'
        else _parse_yaml(source, text)
    )
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise ConfigError(
            f'{source}: expected keys that are text, each with a value, at the top level, e.g. '
            '_base_: ../config/s4/pvt2.py'
        )
    return content


def _parse_python(source: Path, text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', SyntaxWarning)  # they come when the file is executed
            return ast.parse(text)
    except SyntaxError as error:
        line = (error.text or '').strip()[:100]
        raise ConfigError(f'{source}, line {error.lineno}: {error.msg}: {line}') from error
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise ConfigError(f'{source}: not readable as Python ({reason})') from error


def _parse_yaml(source: Path, text: str) -> Any:
    try:
        return yaml.load(text, _UniqueLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        where = source if mark is None else f'{source}, line {mark.line + 1}'
        reason = getattr(error, 'problem', None) or ' '.join(str(error).split())
        raise ConfigError(f'{where}: not readable yaml ({reason})') from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'{source}: not readable yaml ({error})') from error
