"""What a word of a command line means depends on the key it is for."""

import pytest

from avsbench.utils.errors import ConfigError
from avsbench.utils.words import read_word


@pytest.mark.parametrize(
    'word',
    ['data/my data/S4 (old)', '2024', '007', '1e-3', 'true', '/x/a,b', '[a]', '(x)', ' a ', "it's"],
)
def test_text_stays_as_given(word):
    assert read_word(word, 'data') == word
    assert read_word(word, None, {str}) == word


def test_quotes_around_the_whole_and_none():
    assert read_word('"/x/a,b"', 'data') == '/x/a,b'
    assert read_word("'None'", 'data') == 'None'
    assert read_word('None', 'data') is None and read_word('None', 3) is None
    assert read_word('"a" and "b"', 'data') == '"a" and "b"'


@pytest.mark.parametrize(
    ('word', 'value'),
    [
        ('[1,2]', [1, 2]),
        ('1, 2', [1, 2]),
        ('(1,2.5)', (1, 2.5)),
        ('[(1,2),[a b,None]]', [(1, 2), ['a b', None]]),
        ("['a,b', 'c d',]", ['a,b', 'c d']),
        ('[]', []),
        ('5', 5),
    ],
)
def test_lists(word, value):
    assert read_word(word, [0]) == value


def test_list_of_texts():
    assert read_word('[2024, my data]', ['a']) == ['2024', 'my data']
    assert read_word('2024,x', ['a']) == ['2024', 'x']


@pytest.mark.parametrize(
    ('word', 'value'),
    [
        ('1', 1),
        ('-1e-3', -1e-3),
        ('1.', 1.0),
        ('True', True),
        ('1,2', [1, 2]),
        ('a,b.pth', 'a,b.pth'),
        ("{'a': [1, None]}", {'a': [1, None]}),
        ('1_000', '1_000'),
        ('x y', 'x y'),
    ],
)
def test_without_a_value_to_compare_with(word, value):
    read = read_word(word, None)
    assert read == value and type(read) is type(value)


def test_readers_of_text_and_something_else():
    assert read_word('512.', 'dynamic', {str, float}) == 512.0
    assert read_word('2024', 'a', {str, dict}) == '2024'
    assert read_word('[mIoU,F]', 'mIoU', {str, list}) == ['mIoU', 'F']


@pytest.mark.parametrize('word', ['[1,(2]', '["a]', '{a: 1}'])
def test_open_brackets(word):
    with pytest.raises(ConfigError):
        read_word(word, [1])
