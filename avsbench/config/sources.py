"""The files that a text config is made of, and the variables that they read from each other."""

import ast
from pathlib import Path


def sources(path: Path) -> list[Path]:
    """The config file and the bases it is built from, nearest first, without missing ones."""
    return [source for level in source_levels(path) for source in level]


def source_levels(path: Path) -> list[list[Path]]:
    """The config file, then its bases, then their bases ..."""
    levels, level, seen = [], [path], set()
    while level:
        level = [file for file in level if file.is_file() and file.resolve() not in seen]
        seen |= {file.resolve() for file in level}
        levels.append(level)
        level = [base for file in level for base in _bases(file)]
    return levels


def _bases(source: Path) -> list[Path]:
    return [
        source.parent / item.value
        for node in syntax_tree(source).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '_base_'
        for item in ast.walk(node.value)
        if isinstance(item, ast.Constant) and '::' not in str(item.value)
    ]


def syntax_tree(source: Path) -> ast.Module:
    """The parsed file; empty for a file that is no Python, or has a syntax error."""
    try:
        return ast.parse(source.read_text(encoding='utf-8') if source.suffix == '.py' else '')
    except SyntaxError:
        return ast.parse('')


def unread_names(path: Path) -> dict[Path, set[str]]:
    """Names that a file sets and neither it nor a file that builds on it reads.

    A base has been executed before the file that names it, so it can't see what that one sets.
    """
    read: set[str] = set()
    unread: dict[Path, set[str]] = {}
    for level in source_levels(path):
        trees = [syntax_tree(source) for source in level]
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.add(node.id)
            elif isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == '_base_':
                read.add(node.attr)
        for source, tree in zip(level, trees, strict=True):
            assigned = {
                target.id
                for node in tree.body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            unread[source] = assigned - read - {'_base_'}
    return unread


def is_read_under_another_name(path: str | Path, name: str) -> bool:
    """Whether a config file reads a variable for anything but a key of the same name."""

    def reads(tree: ast.AST) -> int:
        return sum(
            (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
            for node in ast.walk(tree)
        )

    for tree in map(syntax_tree, sources(Path(path))):
        words = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
        if reads(tree) > sum(reads(word.value) for word in words if word.arg == name):
            return True
    return False
