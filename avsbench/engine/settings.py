"""Settings that a training depends on: kept in its checkpoints, compared when it is resumed."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.config import Config

from avsbench.utils.errors import ConfigError, nearest

_COMPARED = (
    'model',
    'data_preprocessor',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'randomness',
    'custom_hooks',
    'default_hooks',
    'sync_bn',
)
# How a loader works, not what it gives; when to validate, which leaves no trace in the training;
# hooks that only watch.
_WITHOUT_EFFECT = {
    'train_dataloader': {
        'num_workers',
        'persistent_workers',
        'timeout',
        'pin_memory',
        'pin_memory_device',
        'prefetch_factor',
        'multiprocessing_context',
    },
    'train_cfg': {'val_interval', 'val_begin', 'dynamic_intervals'},
    'default_hooks': {
        'runtime_info',
        'timer',
        'logger',
        'checkpoint',
        'cost',
        'report',
        'bundle',
        'visualization',
        'finite_loss',
    },
    'randomness': {'seed'},  # a run knows the one it has drawn
}
_LIMITS = ('train_cfg.max_epochs', 'train_cfg.max_iters')
_MANY = 3  # different keys below one from which that one is proposed
_SHOWN = 15

Settings = dict[str, Any]


class Change(NamedTuple):
    """A setting that differs; None where a side does not have it."""

    key: str
    then: Any
    now: Any

    def __str__(self) -> str:
        return f'{self.key}: {_short(self.then)} in the checkpoint, {_short(self.now)} now'


def settings_of(cfg: Config) -> Settings:
    """Dotted key -> plain value, of everything in a config that a training depends on.

    Where the data is (`data_root`) is no part of it.
    """
    found: Settings = {}
    for key in _COMPARED:
        skipped = _WITHOUT_EFFECT.get(key, set())
        node = cfg.get(key)
        if isinstance(node, Mapping):
            node = {name: value for name, value in node.items() if name not in skipped}
        found.update(_flat(node, key))
    for dotted, limit in _schedule_ends(cfg):
        found.setdefault(dotted, limit)
    return {key: value for key, value in found.items() if value is not None}


def changes(then: Settings, now: Settings, cfg: Config) -> list[Change]:
    """What differs, but for an earlier end.

    Args:
        then: Of the checkpoint.
        now: Of this run.
        cfg: Config of this run.
    """
    keys = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    implied = {dotted for dotted, _ in _schedule_ends(cfg)}
    limits = [key for key in keys if key in _LIMITS]
    if limits:  # a schedule without an end of its own follows
        keys = [key for key in keys if key not in implied]
    if not implied:
        keys = [key for key in keys if not _ends_earlier(key, then, now)]
    return [Change(key, then.get(key), now.get(key)) for key in keys]


def check_changes(source: str, found: Sequence[Change], allowed: Iterable[str]) -> None:
    """Refuse changes that are not allowed by name.

    Args:
        source: The checkpoint.
        found: What differs.
        allowed: Keys; one stands for all below it.

    Raises:
        ConfigError: Lists the others, with both values.
    """
    allowed = list(allowed)
    refused = [
        change for change in found if not any(_is_covered(change.key, key) for key in allowed)
    ]
    if not refused:
        return
    lines = [f'  {change}' for change in refused[:_SHOWN]]
    if len(refused) > _SHOWN:
        lines.append(f'  ... and {len(refused) - _SHOWN} more')
    unused = [key for key in allowed if not any(_is_covered(change.key, key) for change in found)]
    hint = ''.join(
        f'\n(--allow-changes {key}: nothing of that name differs'
        f'{nearest(key, [change.key for change in refused])})'
        for key in unused
    )
    names = ' '.join(_proposed([change.key for change in found]))
    first = ', '.join(change.key for change in refused[:3]) + ', ...' * (len(refused) > 3)
    raise ConfigError(
        f'{source}: was saved by a training with other settings ({first}):\n'
        + '\n'.join(lines)
        + '\nResume with those of the checkpoint, or use the new ones with '
        + f'--allow-changes {names}{hint}'
    )


def _is_covered(key: str, allowed: str) -> bool:
    return key == allowed or key.startswith(f'{allowed}.')


def _proposed(keys: Sequence[str]) -> list[str]:
    """The keys to allow; those with many different ones below stand for these."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.split('.')[0], []).append(key)
    names = []
    for top, members in groups.items():
        if len(members) <= _MANY:
            names += members
        else:
            parts = os.path.commonprefix([member.split('.') for member in members])
            names.append('.'.join(parts) or top)
    return names


def _ends_earlier(key: str, then: Settings, now: Settings) -> bool:
    """Whether the training only stops before its end, so that no step is another one."""
    return key in _LIMITS and key in then and key in now and now[key] < then[key]


def _schedule_ends(cfg: Config) -> Iterator[tuple[str, int]]:
    """The schedules that end with the training, as dotted key and end."""
    loop, schedules = cfg.get('train_cfg') or {}, cfg.get('param_scheduler') or []
    for index, schedule in enumerate(schedules if isinstance(schedules, Sequence) else [schedules]):
        if not isinstance(schedule, Mapping) or 'type' not in schedule or 'end' in schedule:
            continue
        by_epoch = schedule.get('by_epoch', True)
        limit = loop.get('max_epochs' if by_epoch else 'max_iters', loop.get('max_epochs'))
        if limit is not None:
            place = f'{index}.' if isinstance(schedules, Sequence) else ''
            yield f'param_scheduler.{place}end', limit


def _flat(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key != 'data_root':
                yield from _flat(value, f'{path}.{key}')
    elif isinstance(node, list | tuple) and any(isinstance(item, Mapping) for item in node):
        for index, item in enumerate(node):
            yield from _flat(item, f'{path}.{index}')
    else:
        yield path, _plain(node)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return getattr(value, '__qualname__', None) or repr(value)


def _short(value: Any) -> str:
    text = 'not set' if value is None else repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
