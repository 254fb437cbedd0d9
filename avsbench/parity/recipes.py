"""Arrays from the recipes that a fixture's `construct` holds as text.

A recipe is an expression over the functions of `seeded.py` and a few of numpy, such as
`float32(0.5 * mask('name:<video>', [n,h,w]))`, where `<video>` stands for a name and n, h, w for
numbers. It is parsed and walked, never run as code.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avsbench.parity.fixture import Fixture
from avsbench.utils.errors import DataError

_NUMPY = ('clip', 'exp', 'float32', 'float64', 'rint', 'roll', 'uint8', 'where')
_SEEDED = ('feature', 'image', 'labels', 'mask')
_OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.USub: operator.neg,
}
_CAST = re.compile(r'(\w+\([^()]*\)) as (\w+)')  # feature(...) as float64


class Recipes:
    """Reads the recipes of a fixture.

    Args:
        fixture: Gives its functions of seeded arrays.
    """

    def __init__(self, fixture: Fixture) -> None:
        self._path = fixture.path
        self._functions = {name: getattr(fixture.seeded, name) for name in _SEEDED}
        self._functions |= {name: _numpy_function(name) for name in _NUMPY}

    def array(self, text: str, names: Mapping[str, str] | None = None, **values: Any) -> Any:
        """Make the array of a recipe.

        Args:
            text: Steps separated by semicolons, `name = expression` all but the last one. What
                follows an expression after a comma or the word `with` is a remark.
            names: What the placeholders in angle brackets stand for.
            values: What the names in the expressions stand for.

        Returns:
            The value of the last step.

        Raises:
            DataError: A step is not such an expression.
        """
        for placeholder, name in (names or {}).items():
            text = text.replace(f'<{placeholder}>', name)
        value = None
        for step in text.split(';'):
            expression = _CAST.sub(r'\2(\1)', _without_remark(step)).strip()
            name, _, expression = expression.rpartition(' = ')
            try:
                value = self._walk(ast.parse(expression, mode='eval').body, values)
            except (SyntaxError, KeyError, TypeError) as error:
                raise DataError(
                    f'{self._path}: recipe {expression!r} is not understood: {error!r}; it may '
                    f'use {", ".join(sorted(self._functions))} and {", ".join(sorted(values))}'
                ) from None
            values = {**values, name: value} if name else values
        return value

    def _walk(self, node: ast.AST, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return values[name]
            case ast.List(elts=items):
                return [self._walk(item, values) for item in items]
            case ast.UnaryOp(op=op, operand=operand):
                return _OPERATORS[type(op)](self._walk(operand, values))
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](self._walk(left, values), self._walk(right, values))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _OPERATORS[type(op)](self._walk(left, values), self._walk(right, values))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                given = {word.arg: self._walk(word.value, values) for word in keywords}
                return self._functions[name](*(self._walk(arg, values) for arg in args), **given)
        raise TypeError(type(node).__name__)


def _numpy_function(name: str) -> Callable:
    """A function of numpy; a type as a conversion."""
    function = getattr(np, name)
    return (lambda value: np.asarray(value).astype(function)) if name[-1].isdigit() else function


def _without_remark(step: str) -> str:
    """A step up to its first comma outside of brackets, or the word `with`."""
    depth = 0
    for place, sign in enumerate(step):
        depth += (sign in '([') - (sign in ')]')
        if depth == 0 and (sign == ',' or step.startswith(' with ', place)):
            return step[:place]
    return step
