from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from avsbench.parity.recipes import Recipes
from avsbench.utils.errors import DataError


def seeded(kind):
    return lambda name, shape, *rest: np.full(shape, len(name), np.float32)


@pytest.fixture
def recipes():
    functions = {name: seeded(name) for name in ('feature', 'image', 'labels', 'mask')}
    return Recipes(SimpleNamespace(path=Path('some.json'), seeded=SimpleNamespace(**functions)))


def test_names_and_shapes(recipes):
    array = recipes.array("mask('a:<video>', [n,h,w])", {'video': 'bcd'}, n=2, h=3, w=4)
    assert array.shape == (2, 3, 4) and array.dtype == np.float32 and array[0, 0, 0] == 5


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('1 + 2 * x', [1, 3, 5]),
        ('-x / 4 - 1', [-1, -1.25, -1.5]),
        ('x // 2 + x % 2', [0, 1, 1]),
        ('where(x > 0, x, 7)', [7, 1, 2]),
        ('where(x >= 1, 0, 1) + where(x < 1, 1, 0) + where(x <= 1, 1, 0)', [3, 1, 0]),
        ('clip(rint(x * 0.7), 0, 1)', [0, 1, 1]),
        ('roll(x, 1, axis=0)', [2, 0, 1]),
        ('y = x + 1; z = 2 * y; z - x', [2, 3, 4]),
        ('y = x; y = y + 1; y', [1, 2, 3]),
        ('out = clip(x, 1, 2), in this order', [1, 1, 2]),
        ('uint8(x * 1.9) with truncation', [0, 1, 3]),
    ],
)
def test_expressions(recipes, text, expected):
    assert recipes.array(text, x=np.array([0, 1, 2])).tolist() == expected


def test_types(recipes):
    assert recipes.array("float64(feature('a', [2]))").dtype == np.float64
    assert recipes.array("feature('a', [n]) as float64 + 1", n=2).dtype == np.float64
    assert recipes.array("float32(1 / (1 + feature('a', [n]) as float64))", n=2).dtype == np.float32
    assert recipes.array('uint8(x)', x=np.ones(2)).dtype == np.uint8


@pytest.mark.parametrize(
    'text',
    [
        "__import__('os')",
        "open('x')",
        "mask.__class__('a', [1])",
        '[].append(x)',
        '(lambda: 1)()',
        'x[0]',
        'unknown + 1',
        'x +',
        'roll the array',
        "mask('a', size=3)",
    ],
)
def test_anything_else_is_refused(recipes, text):
    with pytest.raises(DataError, match='some.json: recipe .* is not understood'):
        recipes.array(text, x=np.zeros(2))
