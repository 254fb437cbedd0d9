"""Patterns of dotted names, as of the parts of a network."""

import difflib
import re
from collections.abc import Iterable


def matching(pattern: str, names: Iterable[str], *, below: bool = False) -> list[str]:
    """The names that a pattern stands for, in their order.

    Args:
        pattern: A dotted name, in which `*` stands for any text between two dots, and `**` for any
            number of parts: `blocks.*.mlp`, `**.adapter`.
        names: Dotted names.
        below: Whether everything below a name that matches belongs to it.
    """
    parts = pattern.split('.')
    text = ''
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if part == '**':
            text += '.+' if is_last else r'(?:[^.]+\.)*'
        else:
            text += '[^.]*'.join(map(re.escape, part.split('*'))) + ('' if is_last else r'\.')
    expression = re.compile(text + (r'(?:\..+)?' if below else ''))
    return [name for name in names if expression.fullmatch(name)]


def near_patterns(pattern: str, names: Iterable[str], limit: int = 3) -> str:
    """'; near are A, B and C' with the names closest to a pattern, numbers as `*`; or ''."""
    general = dict.fromkeys(re.sub(r'\.\d+(?=\.|$)', '.*', name) for name in names if name)
    found = difflib.get_close_matches(pattern, list(general), n=limit, cutoff=0.5)
    return f'; near are {", ".join(map(repr, found))}' if found else ''
