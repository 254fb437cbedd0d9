"""Errors of building from a config, told in terms of the config.

mmengine builds nested parts by nested calls of `build_from_cfg`. When one of them fails, the
traceback still holds the dict that each call was given; comparing these with the config yields the
dotted path of the part that failed, without any change to mmengine.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import Registry

from avsbench.config.schema import (
    LOOP_KEYS,
    arguments,
    describe_arguments,
    required_arguments,
    unknown_type,
)
from avsbench.utils.errors import AVSBenchError, ConfigError, nearest

# Functions of mmengine's runner that call a constructor without a registry.
LOOP_BUILDERS = {f'build_{key.removesuffix("_cfg")}_loop': key for key in LOOP_KEYS}
LOADER_BUILDER = 'build_dataloader'


class _Step(NamedTuple):
    """One constructor call found in a traceback."""

    frame: FrameType
    name: str
    cfg: Any


@contextmanager
def explain_build_errors(cfg: Config) -> Iterator[None]:
    """Turn what goes wrong while parts of a config are built into a ConfigError.

    Errors that come from anywhere else, and those of the toolbox other than a ConfigError, pass
    unchanged.

    Args:
        cfg: the config that parts are built from in the `with` block.

    Raises:
        ConfigError: names the config file, the dotted path, the nearest valid name, and the
            arguments that were expected.
    """
    try:
        yield
    except ImportError:
        raise
    except Exception as error:
        steps = list(_steps(error.__traceback__))
        if not steps or (isinstance(error, AVSBenchError) and not isinstance(error, ConfigError)):
            raise
        if isinstance(error, ConfigError) and str(cfg.filename) in str(error):
            raise
        raise ConfigError(_message(cfg, steps, error)) from error


def _steps(traceback: TracebackType | None) -> Iterator[_Step]:
    while traceback is not None:
        frame = traceback.tb_frame
        name, module = frame.f_code.co_name, frame.f_globals.get('__name__', '')
        if module == 'mmengine.registry.build_functions' and name == 'build_from_cfg':
            yield _Step(frame, name, frame.f_locals.get('cfg'))
        elif module == 'mmengine.runner.runner' and name in LOOP_BUILDERS:
            yield _Step(frame, name, None)
        elif module == 'mmengine.runner.runner' and name == LOADER_BUILDER:
            yield _Step(frame, name, frame.f_locals.get('dataloader'))
        traceback = traceback.tb_next


def _message(cfg: Config, steps: list[_Step], error: Exception) -> str:
    where = f'{cfg.filename}: {_dotted_path(cfg, steps)}'
    step = steps[-1]
    if step.name != 'build_from_cfg':
        return f'{where}: {_text(error)}'
    constructor = step.frame.f_locals.get('obj_cls')
    if constructor is None:
        registry, name = step.frame.f_locals.get('registry'), step.frame.f_locals.get('obj_type')
        if isinstance(registry, Registry) and isinstance(name, str):
            return unknown_type(where, name, registry)
        return f"{where}: a dict with a 'type' is expected here, got {step.cfg!r}"
    expected = f'\n  {_name(constructor)} takes: {describe_arguments(constructor)}'
    where = f'{where} ({_name(constructor)})'
    given = set(step.frame.f_locals.get('args', {}))
    problem = _argument_problem(constructor, given, error)
    return f'{where}: {problem or _text(error)}{expected}'


def _argument_problem(constructor: Any, given: set[str], error: Exception) -> str:
    """What is wrong with the names of the arguments, or an empty string."""
    if not isinstance(error, TypeError):
        return ''
    known, is_open = arguments(constructor)
    # A class that hands **kwargs on fails one call deeper, with the name in the message.
    match = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    unknown = sorted(given - known) if not is_open else []
    if match and match.group(1) in given:
        unknown = [match.group(1)]
    if unknown:
        return '; '.join(f'unknown argument {k!r}{nearest(k, sorted(known))}' for k in unknown)
    missing = [name for name in required_arguments(constructor) if name not in given]
    return f'missing argument {", ".join(map(repr, missing))}' if missing else ''


def _dotted_path(cfg: Config, steps: list[_Step]) -> str:
    """Path of the innermost part that is found in the config.

    Each call's dict lies in the one before it: the very object, or a copy in which the caller may
    have filled in or taken out some keys. A loop builds its data loader, which stands beside it.
    """
    node, above, path = cfg._cfg_dict, [], ['the config']
    for step in steps:
        if step.name in LOOP_BUILDERS:
            path = [LOOP_BUILDERS[step.name]]
            continue
        found = _find(node, step.cfg)
        if found is not None:
            node = found[1]
            path = above = above + found[0]
    return '.'.join(path)


def _find(node: Any, target: Any) -> tuple[list[str], Any] | None:
    """The part of `node` that equals `target` best, as its path and itself."""
    best, best_score = None, float('-inf')
    for path, candidate in _dicts_below(node):
        if candidate is target:
            return path, candidate
        if not isinstance(target, dict) or candidate.get('type') != target.get('type'):
            continue
        same = sum(key in target and _equal(target[key], candidate[key]) for key in candidate)
        score = 2 * same - len(candidate)
        if score > best_score:
            best, best_score = (path, candidate), score
    return best


def _dicts_below(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], dict]]:
    if isinstance(node, dict):
        items: Any = node.items()
    elif isinstance(node, list | tuple):
        items = enumerate(node)
    else:
        return
    for key, value in items:
        if isinstance(value, dict):
            yield [*path, str(key)], value
        yield from _dicts_below(value, (*path, str(key)))


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (ValueError, RuntimeError):  # arrays and tensors don't compare to a truth value
        return one is other


def _name(constructor: Any) -> str:
    return getattr(constructor, '__name__', str(constructor))


def _text(error: Exception) -> str:
    """The message; with the kind of error, where that is not the toolbox's own."""
    if isinstance(error, ConfigError):
        return str(error)
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f'{type(error).__name__}: {text}'
