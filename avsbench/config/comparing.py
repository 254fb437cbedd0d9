"""In which keys two configs differ."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from avsbench.config.loading import resolved


def differences(first: Config, second: Config) -> Iterator[str]:
    """One line for each key in which two configs differ, in the order of the keys."""
    one, other = dict(_leaves(resolved(first))), dict(_leaves(resolved(second)))
    for key in {**one, **other}:
        if key not in other:
            yield f'- {key} = {one[key]!r}'
        elif key not in one:
            yield f'+ {key} = {other[key]!r}'
        elif one[key] != other[key]:
            yield f'~ {key}: {one[key]!r} -> {other[key]!r}'


def _leaves(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything below that is neither a dict nor a list of parts.

    A list of parts yields its types, so that their order counts, and the keys of each part.
    """
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f'{path}.{key}' if path else str(key))
    elif isinstance(node, list | tuple) and node and all(_is_part(part) for part in node):
        yield path, [part['type'] for part in node]
        counts: Counter[str] = Counter()
        for part in node:
            counts[part['type']] += 1
            number = counts[part['type']]
            name = part['type'] if number == 1 else f'{part["type"]} {number}'
            rest = {key: value for key, value in part.items() if key != 'type'}
            if rest:
                yield from _leaves(rest, f'{path}[{name}]')
    else:
        yield path, node


def _is_part(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get('type'), str)
