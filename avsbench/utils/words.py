"""Values given as text on a command line, read as the kind of value that the config expects.

`data_root=2024` is the name of a folder and `train_cfg.max_epochs=2024` a number: the look of the
word can't tell. So a word stays a `Word` until the key it is for is known.
"""

import ast
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from avsbench.utils.errors import ConfigError

_NUMBER = re.compile(r'[+-]?(\d+|(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d+)?|inf|nan)')
_INTEGER = re.compile(r'[+-]?\d+')
_NO_TEXT = {bool, int, float, list, tuple, dict}
_BRACKETS = {'(': ')', '[': ']', '{': '}'}


class Word(str):
    """The value of a `key=value` pair as it was given, not interpreted yet."""

    __slots__ = ()


def read_word(word: str, old: Any, kinds: Collection[type] | None = None) -> Any:
    """The value that a word stands for.

    Args:
        word: What follows `key=`.
        old: The value that the config has for the key, None where it has none.
        kinds: Types that the reader of the key takes, where that is known.

    Returns:
        The text with every blank, comma and bracket of it for a key that holds text; quotes around
        the whole are left out. For others a number, True, False, a list `[1,2]` or `1,2`, a tuple
        `(1,2)`, a dict `{'a': 1}`, or the text if it is none of these. `None` is None for all keys,
        and `"None"` the text.

    Raises:
        ConfigError: Brackets or quotes are not closed.
    """
    word = str(word)
    if word == 'None':
        return None
    if _is_text(old, kinds):
        return _unquoted(word)
    if isinstance(old, list | tuple):
        is_text = bool(old) and all(isinstance(item, str) for item in old)
        return _read_list(word, is_text)
    value = _read_guess(word)
    if kinds and str in kinds and value is not None and not _fits(value, kinds):
        return _unquoted(word)
    return value


def _fits(value: Any, kinds: Collection[type]) -> bool:
    equal = {int: float, tuple: list}
    return type(value) in kinds or equal.get(type(value)) in kinds


def _is_text(old: Any, kinds: Collection[type] | None) -> bool:
    """Whether the key holds text and nothing else."""
    known = set(kinds or ())
    return not known & _NO_TEXT and (bool(known & {str, Path}) or isinstance(old, str))


def _unquoted(word: str) -> str:
    """Without one pair of quotes around the whole; a backslash in them is a backslash."""
    if len(word) >= 2 and word[0] == word[-1] and word[0] in '\'"' and word[0] not in word[1:-1]:
        return word[1:-1]
    return word


def _read_list(word: str, is_text: bool) -> Any:
    """A list with or without brackets; without a comma and brackets, a single value."""
    if _is_bracketed(word):
        return _read_brackets(word, is_text)
    parts = _split(word)
    if len(parts) == 1:
        return _read_item(word, is_text)
    return [_read_item(part, is_text) for part in parts]


def _read_guess(word: str) -> Any:
    """A value for a key that nothing is known about: a list needs brackets, or numbers only."""
    if _is_bracketed(word):
        return _read_brackets(word, False)
    if ',' in word and _unquoted(word) == word:
        values = [_scalar(part.strip()) for part in word.rstrip(',').split(',')]
        if not any(isinstance(value, str) for value in values):
            return values
    return _scalar(word)


def _is_bracketed(word: str) -> bool:
    stripped = word.strip()
    return stripped[:1] in _BRACKETS and stripped.endswith(_BRACKETS[stripped[0]])


def _read_brackets(word: str, is_text: bool) -> Any:
    word = word.strip()
    if word[0] == '{':
        try:
            return ast.literal_eval(word)
        except (ValueError, SyntaxError) as error:
            raise ConfigError(f"{word}: not a dict, expected e.g. {{'a': 1}}") from error
    items = [_read_item(part, is_text) for part in _split(word[1:-1])]
    return tuple(items) if word[0] == '(' else items


def _read_item(word: str, is_text: bool) -> Any:
    """An item of a list; blanks around it don't belong to it, those within do."""
    word = word.strip()
    if _is_bracketed(word):
        return _read_brackets(word, is_text)
    return (None if word == 'None' else _unquoted(word)) if is_text else _scalar(word)


def _scalar(word: str) -> Any:
    if word == 'None':
        return None
    if word.lower() in ('true', 'false'):
        return word.lower() == 'true'
    if _NUMBER.fullmatch(word):
        return int(word) if _INTEGER.fullmatch(word) else float(word)
    return _unquoted(word)


def _split(text: str) -> list[str]:
    """Parts between the commas that are in no brackets and no quotes; a last comma ends a part."""
    parts, start, closing, quote = [], 0, [], ''
    for index, char in enumerate(text):
        if quote:
            quote = '' if char == quote else quote
        elif char in '\'"':
            quote = char
        elif char in _BRACKETS:
            closing.append(_BRACKETS[char])
        elif closing and char == closing[-1]:
            closing.pop()
        elif char == ',' and not closing:
            parts.append(text[start:index])
            start = index + 1
    if closing or quote:
        raise ConfigError(f'{text}: {(closing or [quote])[-1]} is missing')
    return [*parts, text[start:]] if text[start:].strip() else parts
