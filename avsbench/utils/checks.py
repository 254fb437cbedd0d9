"""Checks of single values."""

from collections.abc import Iterable

from avsbench.utils.errors import ConfigError, nearest


def check_choice(name: str, value: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of the choices.

    Args:
        name: What takes the value, for the message: 'ComboHead: audio_mix'.
        value: The value given.
        choices: The values accepted.

    Raises:
        ConfigError: It is none of them; the message names the nearest one.
    """
    choices = list(choices)
    if value not in choices:
        raise ConfigError(
            f'{name}={value!r}, expected one of {", ".join(map(repr, choices))}'
            f'{nearest(value, choices)}'
        )
    return value


MAX_SEED = 2**32 - 1
"""The highest seed that Python, numpy and PyTorch all take."""


def check_seed(name: str, value: object, spare: int = 0) -> None:
    """Check that a value seeds all random generators; None stands for a seed that is drawn.

    Args:
        name: What takes the value, for the message.
        value: The value given.
        spare: How many seeds above it are needed as well.

    Raises:
        ConfigError: It does not.
    """
    if value is None:
        return
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 0 <= value <= MAX_SEED - spare:
        raise ConfigError(
            f'{name}={value!r}, expected a whole number from 0 to {MAX_SEED - spare}, or None for '
            'one that is drawn'
        )
