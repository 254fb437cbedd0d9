"""Which arguments a class or function takes, for checks and error messages."""

import inspect
from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin


class GatheringMeta(ABCMeta):
    """Metaclass of classes that are built from the flat keys of a config.

    An argument of the constructor that is annotated with a dataclass need not be given: the
    keywords with the names of its fields are gathered into it. An unknown keyword stays an error.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Gather, then construct."""
        signature = inspect.signature(cls.__init__, eval_str=True)  # annotations may be text
        given = {*list(signature.parameters)[1 : len(args) + 1], *kwargs}
        for parameter in signature.parameters.values():
            if is_dataclass(parameter.annotation) and parameter.name not in given:
                names = [field.name for field in fields(parameter.annotation)]
                values = {name: kwargs.pop(name) for name in names if name in kwargs}
                kwargs[parameter.name] = parameter.annotation(**values)
        return super().__call__(*args, **kwargs)


def arguments(constructor: Callable[..., Any]) -> tuple[set[str], bool]:
    """Names of the arguments of a class or function, and whether it takes any other name too.

    Where a class passes `**kwargs` on, the arguments of its base classes count as well; in place of
    a dataclass its fields do.
    """
    names = {parameter.name for parameter in _parameters(constructor)}
    return names, all(_takes_any(signature) for signature in _signatures(constructor))


def argument_kinds(constructor: Callable[..., Any], name: str) -> set[type] | None:
    """The classes in the annotation of an argument, e.g. {str, list} of `str | list[int] | None`.

    None where the argument has no annotation, or one that can't be told.
    """
    for parameter in _parameters(constructor):
        if parameter.name == name and parameter.annotation is not parameter.empty:
            return _classes(parameter.annotation) or None
    return None


def _classes(annotation: Any) -> set[type]:
    """Classes of a union; empty if one of its members is no class, such as Any."""
    if get_origin(annotation) in (Union, UnionType):
        found = [_classes(member) for member in get_args(annotation) if member is not NoneType]
        return set().union(*found) if all(found) else set()
    kind = get_origin(annotation) or annotation
    if kind is Literal:
        return {type(value) for value in get_args(annotation)}
    kind = {Sequence: list, Mapping: dict}.get(kind, kind)
    return {kind} if inspect.isclass(kind) else set()


def required_arguments(constructor: Callable[..., Any]) -> list[str]:
    """Names of the arguments without a default."""
    return [p.name for p in _parameters(constructor) if p.default is p.empty]


def describe_arguments(constructor: Callable[..., Any]) -> str:
    """The arguments as 'name: type = default', one list for an error message."""
    parts: dict[str, str] = {}
    for parameter in _parameters(constructor):
        text = parameter.name
        if parameter.annotation is not parameter.empty:
            text += f': {inspect.formatannotation(parameter.annotation)}'
        required = parameter.default is parameter.empty
        text += ' (required)' if required else f' = {parameter.default!r}'
        parts.setdefault(parameter.name, text)
    return ', '.join(parts.values()) or 'nothing'


def _parameters(constructor: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """All arguments that can be given by name, without `self`."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for signature in _signatures(constructor):
        for parameter in signature.parameters.values():
            if is_dataclass(parameter.annotation):
                yield from inspect.signature(parameter.annotation).parameters.values()
            elif parameter.kind in kinds and parameter.name != 'self':
                yield parameter


def _signatures(constructor: Callable[..., Any]) -> list[inspect.Signature]:
    """The constructor's signature; those of base classes too, as far as `**kwargs` reaches."""
    if not inspect.isclass(constructor):
        return [inspect.signature(constructor)]
    found = []
    for cls in constructor.__mro__[:-1]:
        if '__init__' in cls.__dict__:
            gathers = isinstance(cls, GatheringMeta)
            found.append(inspect.signature(cls.__init__, eval_str=gathers))
            if not _takes_any(found[-1]):
                return found
    return found or [inspect.Signature()]


def _takes_any(signature: inspect.Signature) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
