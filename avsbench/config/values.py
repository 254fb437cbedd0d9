"""Which values the keys of a config may have, as far as that can be told before anything is built.

mmengine looks at most of them when a training has begun, and then ends in an error that names no
key. `avsbench.config.schema` checks the keys themselves.
"""

import logging
import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config

from avsbench.config.schema import DATALOADERS, annotated_parts, kinds_at
from avsbench.utils.errors import ConfigError, nearest

# Kinds of plain values; a flag is a number, too, so it comes first.
_NAMES = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a text'}
_NAMES |= {list: 'a list', tuple: 'a list', dict: 'a dict'}
# What may be given for a kind, besides itself; lists in json are lists.
_ALIKE = {float: {int, float}, list: {list, tuple}, tuple: {list, tuple}, Path: {str}}
# Lists of parts, each with a `type`.
_LISTS = ('custom_hooks', 'param_scheduler', 'pipeline', 'transforms', 'vis_backends', 'metrics')
_LISTS += ('val_evaluator', 'test_evaluator')
# Parts that mmengine's runner needs together.
_TOGETHER = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)


class _Rule(NamedTuple):
    """What a value must be: a test of it, and its description."""

    fits: Callable[[Any], bool]
    expected: str


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (_is_int(value) or isinstance(value, float)) and math.isfinite(value)


def _at_least(limit: int) -> _Rule:
    return _Rule(lambda value: _is_int(value) and value >= limit, f'a whole number from {limit} on')


def _one_of(*choices: str) -> _Rule:
    return _Rule(lambda value: value in choices, f'one of {", ".join(map(repr, choices))}')


_FLAG = _Rule(lambda value: isinstance(value, bool), 'True or False')
_NOT_NEGATIVE = _Rule(lambda value: _is_number(value) and value >= 0, 'a number from 0 on')
_POSITIVE = _Rule(lambda value: _is_number(value) and value > 0, 'a number above 0')
_LEVELS = tuple(logging.getLevelNamesMapping())

_RULES = {
    ('randomness', 'seed'): _Rule(
        lambda value: _is_int(value) and 0 <= value < 2**32, 'a whole number from 0 to 2**32 - 1'
    ),
    ('randomness', 'deterministic'): _FLAG,
    ('randomness', 'diff_rank_seed'): _FLAG,
    ('log_level',): _Rule(lambda value: value in _LEVELS, f'one of {", ".join(_LEVELS)}'),
    ('env_cfg', 'cudnn_benchmark'): _FLAG,
    ('env_cfg', 'eval_amp'): _one_of('bf16', 'fp16', 'off'),
    ('env_cfg', 'tf32'): _FLAG,
    ('env_cfg', 'resource_limit'): _at_least(1),
    ('env_cfg', 'mp_cfg', 'mp_start_method'): _one_of(*multiprocessing.get_all_start_methods()),
    ('env_cfg', 'mp_cfg', 'opencv_num_threads'): _at_least(0),
    ('env_cfg', 'dist_cfg', 'timeout'): _POSITIVE,
    ('env_cfg', 'dist_cfg', 'backend'): _one_of('auto', *torch.distributed.Backend.backend_list),
    ('compile',): _Rule(lambda value: isinstance(value, bool | dict), 'True, False or a dict'),
    ('compile', 'enabled'): _FLAG,
    ('compile', 'backend'): _Rule(lambda value: isinstance(value, str), 'a text'),
    ('compile', 'dynamic'): _FLAG,
    ('train_cfg', 'by_epoch'): _FLAG,
    ('train_cfg', 'max_epochs'): _at_least(0),
    ('train_cfg', 'max_iters'): _at_least(0),
    ('train_cfg', 'val_begin'): _at_least(0),
    ('train_cfg', 'val_interval'): _at_least(1),
    ('optim_wrapper', 'accumulative_counts'): _at_least(1),
    ('optim_wrapper', 'optimizer', 'lr'): _NOT_NEGATIVE,
    ('optim_wrapper', 'optimizer', 'weight_decay'): _NOT_NEGATIVE,
    ('default_hooks', 'logger', 'interval'): _at_least(1),
    ('log_processor', 'window_size'): _at_least(1),
}
for _loader in DATALOADERS:
    _RULES |= {
        (_loader, 'batch_size'): _at_least(1),
        (_loader, 'num_workers'): _at_least(0),
        (_loader, 'prefetch_factor'): _at_least(1),
        (_loader, 'timeout'): _NOT_NEGATIVE,
        (_loader, 'persistent_workers'): _FLAG,
        (_loader, 'pin_memory'): _FLAG,
        (_loader, 'drop_last'): _FLAG,
    }


def check_kinds(cfg: Config) -> None:
    """Check that the keys at the top level hold a dict, a list, a text ... as the runner needs.

    Raises:
        ConfigError: Names the key, the value and what is expected.
    """
    for key, value in cfg.items():
        _check_kind(cfg, (key,), value)


def check_values(cfg: Config) -> None:
    """Check values once the keys are known to be right.

    Raises:
        ConfigError: Names the key, the value and what is expected.
    """
    for path, rule in _RULES.items():
        value = _value_at(cfg, path)
        if value is not None and not rule.fits(value):
            near = nearest(value, _LEVELS) if path == ('log_level',) else ''
            raise _error(cfg, path, value, rule.expected, near)
    for path, items in _lists(cfg._cfg_dict):
        for index, item in enumerate(items):
            if isinstance(item, str | int | float | list | tuple | None):
                raise _error(cfg, (*path, str(index)), item, "a dict with a 'type'")
    for path, node in annotated_parts(cfg):
        for key, value in node.items():
            kinds = kinds_at(cfg, (*path, key)) or set()
            if kinds <= _NAMES.keys() | {Path}:
                _check_kind(cfg, (*path, key), value)


def check_loops(cfg: Config) -> None:
    """Check that data, schedule and metric of a split are all there, or none; of configs to run.

    Raises:
        ConfigError: Some are missing.
    """
    for keys in _TOGETHER:
        given = [key for key in keys if cfg.get(key) is not None]
        if given and len(given) < len(keys):
            lacking = [key for key in keys if key not in given]
            raise ConfigError(
                f'{cfg.filename}: {" and ".join(given)} without {" and ".join(lacking)}: set all '
                f'of {", ".join(keys)}, or all to None'
            )


def _check_kind(cfg: Config, path: tuple[str, ...], value: Any) -> None:
    """Compare a value with the annotation of what reads the key."""
    kinds = kinds_at(cfg, path) or set()
    kind = next((kind for kind in _NAMES if isinstance(value, kind)), None)
    if not kinds or kind is None or (kind is dict and not kinds <= _NAMES.keys()):
        return  # unknown, an object, or the config of one
    if kind not in set().union(*(_ALIKE.get(wanted, {wanted}) for wanted in kinds)):
        expected = sorted({_NAMES[wanted] for wanted in kinds if wanted in _NAMES})
        raise _error(cfg, path, value, ' or '.join(expected))


def _error(
    cfg: Config, path: tuple[str, ...], value: Any, expected: str, more: str = ''
) -> ConfigError:
    text = repr(value)
    text = text if len(text) <= 80 else f'{text[:80]} ...'
    if isinstance(value, str) and 'number' in expected and _reads_as_number(value):
        more = '; it is a text here: write it without quotes, in yaml as 1.0e-4'
    return ConfigError(f'{cfg.filename}: {".".join(path)} = {text}, expected {expected}{more}')


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value_at(cfg: Config, path: tuple[str, ...]) -> Any:
    node: Any = cfg._cfg_dict
    for part in path:
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _lists(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The lists of parts in a config, each with its path."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in items:
        here = (*path, str(key))
        if key in _LISTS and isinstance(value, list | tuple) and here[0] != 'model':
            yield here, value
        if isinstance(value, Mapping | list | tuple):
            yield from _lists(value, here)
