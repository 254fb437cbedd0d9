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
