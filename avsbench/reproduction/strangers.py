"""Configs from strangers, as data: which of them may be used without trust.

A config names the classes to build, the modules to import and files to read and write, so even as
plain data it can do harm. What passes here names modules of the toolbox and of mmengine only, and
no file outside the current folder.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from avsbench import registry as toolbox_registry
from avsbench.config.loading import KNOWN_KEYS

# All that these registries of mmengine hold may be used: numbers go in, and numbers come out.
_HARMLESS = ('data sampler', 'loop', 'optimizer', 'parameter scheduler', 'optim_wrapper')
_HARMLESS += ('optimizer wrapper constructor', 'log_processor')
# Of the others, what the toolbox's configs name. Hooks and backends of mmengine may write
# anywhere, or connect to servers.
_NAMED = {
    *('RuntimeInfoHook', 'IterTimerHook', 'DistSamplerSeedHook', 'LoggerHook'),
    *('ParamSchedulerHook', 'EMAHook', 'LocalVisBackend', 'TensorboardVisBackend'),
    *('pseudo_collate', 'default_collate', 'Compose', 'ConcatDataset'),
}
_OUTSIDE = re.compile(r'^[/~\\]|:|(^|[/\\])\.\.([/\\]|$)|\{\{|\$')
_NAMES_TYPE = ('type', 'runner_type', 'constructor', 'collate_fn', 'worker_init_fn')
_FORBIDDEN = ('_base_', '_scope_', 'custom_imports')


def distrusted(config: Mapping[str, Any]) -> list[str]:
    """What in a config asks for trust; nothing if it may be used as it is.

    Args:
        config: Plain data.

    Returns:
        Lines of text that name the key.
    """
    known = KNOWN_KEYS | set(_FORBIDDEN)
    unknown = [f'{key}: no key of a config' for key in config if key not in known]
    return [*unknown, *_walk(config, '', _types())]


def _walk(node: Any, key: str, types: set[str]) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, item in node.items():
            where = f'{key}.{name}' if key else name
            if name in _FORBIDDEN:
                yield f'{where}: imports or reads other files'
            elif name in _NAMES_TYPE and not _is_known(item, types):
                yield f'{where}: {item!r} is no module of the toolbox'
            else:
                yield from _walk(item, where, types)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _walk(item, f'{key}.{index}', types)
    elif isinstance(node, str) and _OUTSIDE.search(node):
        yield f'{key}: {node!r} may lead out of the current folder'


def _is_known(item: Any, types: set[str]) -> bool:
    return item in types if isinstance(item, str) else isinstance(item, Mapping)


def _types() -> set[str]:
    """Names that may stand behind `type`."""
    found = set(_NAMED)
    for registry in _registries(toolbox_registry):
        registry.import_from_location()
        parts = registry.module_dict.items()
        found |= {name for name, part in parts if part.__module__.startswith('avsbench.')}
    for registry in _registries(mmengine_registry):
        if registry.name in _HARMLESS:
            registry.import_from_location()
            found |= set(registry.module_dict)
    return found


def _registries(module: Any) -> list[Registry]:
    return [value for value in vars(module).values() if isinstance(value, Registry)]
