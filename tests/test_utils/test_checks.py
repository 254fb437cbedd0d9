import pytest

from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError


def test_choice() -> None:
    assert check_choice('Part: mode', 'add', ('add', 'cat')) == 'add'
    message = r"Part: mode='ad', expected one of 'add', 'cat'; did you mean 'add'\?"
    with pytest.raises(ConfigError, match=message):
        check_choice('Part: mode', 'ad', ('add', 'cat'))


def test_value_of_another_kind() -> None:
    with pytest.raises(ConfigError, match='Part: mode=3, expected'):
        check_choice('Part: mode', 3, iter(['add', 'cat']))
