"""The toolbox's exceptions: what was wrong, where, what was expected, what to do.

A command that meets one of them prints its text alone, without a traceback, and exits with 2.
"""

import difflib
from collections.abc import Iterable


class AVSBenchError(Exception):
    """Base of all errors that a user can fix; the message says how."""


class ConfigError(AVSBenchError):
    """A config can't be read or built: names the file, the dotted key and the nearest valid one."""


class DataError(AVSBenchError):
    """A file of a data set is missing or malformed: names the file and the way out."""


class CheckpointError(AVSBenchError):
    """A checkpoint can't be loaded: names the file and the keys."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """'; did you mean X?' for the valid name closest to `name`, or an empty string."""
    matches = difflib.get_close_matches(str(name), [str(v) for v in valid], n=1, cutoff=0.5)
    return f'; did you mean {matches[0]!r}?' if matches else ''


def examples(items: Iterable[object], limit: int = 5) -> str:
    """The first `limit` items, comma separated, and how many more there are."""
    items = [str(item) for item in items]
    more = f' ... and {len(items) - limit} more' if len(items) > limit else ''
    return ', '.join(items[:limit]) + more


def counted(number: int, noun: str) -> str:
    """A number and its noun, which gets an `s` unless there is one of it."""
    return f'{number} {noun}{"" if number == 1 else "s"}'
