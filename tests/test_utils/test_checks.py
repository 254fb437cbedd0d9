import pytest

from avsbench.utils.checks import MAX_SEED, check_choice, check_seed
from avsbench.utils.errors import ConfigError


def test_choice() -> None:
    assert check_choice('Part: mode', 'add', ('add', 'cat')) == 'add'
    message = r"Part: mode='ad', expected one of 'add', 'cat'; did you mean 'add'\?"
    with pytest.raises(ConfigError, match=message):
        check_choice('Part: mode', 'ad', ('add', 'cat'))


def test_value_of_another_kind() -> None:
    with pytest.raises(ConfigError, match='Part: mode=3, expected'):
        check_choice('Part: mode', 3, iter(['add', 'cat']))


@pytest.mark.parametrize('value', [-1, 2**32, 1.5, True, '3', float('nan')])
def test_no_seed(value) -> None:
    with pytest.raises(ConfigError, match=rf'--seed={value!r}, expected a whole number from 0'):
        check_seed('--seed', value)


def test_seeds() -> None:
    for value in (None, 0, MAX_SEED):
        check_seed('--seed', value)
    with pytest.raises(ConfigError, match='from 0 to 4294967292'):  # each process takes another
        check_seed('seed', MAX_SEED, spare=3)
