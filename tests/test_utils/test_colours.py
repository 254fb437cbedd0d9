"""Colours by name or number."""

import pytest

from avsbench.utils.colours import parse_colour
from avsbench.utils.errors import ConfigError


@pytest.mark.parametrize('text', ['red', ' Red ', '#f00', '#FF0000', 'rgb(255, 0, 0)', '#ff000080'])
def test_colours(text: str) -> None:
    assert parse_colour(text) == (255, 0, 0)


@pytest.mark.parametrize(
    'text, message',
    [
        ('bleu', "'bleu': expected a colour such as red, or #ff0000; did you mean 'blue'"),
        ('', "'': expected a colour such as red"),
        ('rgb(300, 0, 0)', 'red, green and blue from 0 to 255'),
    ],
)
def test_what_is_no_colour(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_colour(text)
    assert message in str(caught.value)
