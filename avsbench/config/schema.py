"""Which keys a part of a config may have: those that the class it names, or its reader, accepts.

mmengine builds a config lazily and reports a wrong key as a bare TypeError, if at all. The
functions here tell before anything is built which registry a `type` is looked up in, and which
arguments the class takes. What a part of the model must have, besides what the one around it fills
in, shows when it is built, see `avsbench.registry`.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import (
    EVALUATOR,
    FUNCTIONS,
    LOG_PROCESSORS,
    LOOPS,
    MODEL_WRAPPERS,
    OPTIMIZERS,
    TASK_UTILS,
    VISBACKENDS,
    Registry,
)
from mmengine.runner import (
    EpochBasedTrainLoop,
    IterBasedTrainLoop,
    LogProcessor,
    Runner,
    TestLoop,
    ValLoop,
)
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from avsbench import registry as registries
from avsbench.registry import unknown_type
from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.signatures import argument_kinds, arguments

DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
EVALUATORS = ('val_evaluator', 'test_evaluator')
_TOP_TEXTS = ('subset', 'trained_on', 'data_root')  # the toolbox's keys that hold text
LOOP_KEYS = ('train_cfg', 'val_cfg', 'test_cfg')

# Keys of dicts that are no constructor's arguments; the readers are mmengine's runner and
# optimizer constructor.
_PLAIN_DICTS = {
    ('env_cfg',): {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit', 'eval_amp', 'tf32'},
    ('env_cfg', 'mp_cfg'): set(inspect.signature(set_multi_processing).parameters)
    - {'distributed'},
    ('env_cfg', 'dist_cfg'): {'backend', 'timeout'},
    ('randomness',): {'seed', 'diff_rank_seed', 'deterministic'},
    ('compile',): {'enabled', 'backend', 'dynamic'},
    ('auto_scale_lr',): {'base_batch_size', 'enable'},
    ('optim_wrapper', 'paramwise_cfg'): {
        'custom_keys',
        'bias_lr_mult',
        'bias_decay_mult',
        'norm_decay_mult',
        'flat_decay_mult',
        'dwconv_decay_mult',
        'dcn_offset_lr_mult',
        'bypass_duplicate',
    },
}


class _Anything(set):
    """The keys of a dict whose keys are free names."""

    def __contains__(self, item: object) -> bool:
        return True


ANYTHING = _Anything()


def accepted_at(cfg: Config, path: tuple[str, ...]) -> set[str] | None:
    """Keys that the dict at a path may have.

    Args:
        cfg: The whole config.
        path: Keys from the top; list items by their index as text.

    Returns:
        The names, `ANYTHING` where names are free, or None where nothing is known about the dict.
    """
    node = _node_at(cfg, path)
    if not isinstance(node, dict):
        return None
    if path == ('default_hooks',):
        return ANYTHING
    if path[:2] == ('optim_wrapper', 'paramwise_cfg'):
        return _paramwise_keys(cfg, path)
    if path in _PLAIN_DICTS:
        return _PLAIN_DICTS[path]
    if len(path) == 1 and path[0] in DATALOADERS:
        return _dataloader_keys()
    constructor = _constructor(node, path) or _implied_constructor(cfg, path)
    if constructor is None:
        return None
    names, is_open = arguments(constructor)
    if is_open:
        return ANYTHING
    return names - _injected(path) | {'type', '_scope_'} | _extra_keys(path)


def kinds_at(cfg: Config, path: tuple[str, ...]) -> set[type] | None:
    """Types that the reader of a key takes, by its annotation; None where nothing is known."""
    *parents, key = path
    if not parents:
        return {str} if key in _TOP_TEXTS else argument_kinds(Runner, key)
    try:
        node = _node_at(cfg, tuple(parents))
    except KeyError:  # a dict that the override makes
        return None
    if not isinstance(node, dict) or key in ('type', '_scope_'):
        return None
    constructor = _constructor(node, path[:-1]) or _implied_constructor(cfg, path[:-1])
    return None if constructor is None else argument_kinds(constructor, key)


def check_arguments(cfg: Config) -> None:
    """Check all types and keys of a config, before anything is built.

    Raises:
        ConfigError: An unknown type or argument, with the nearest valid name.
    """
    constructor = (cfg.get('optim_wrapper') or {}).get('constructor')
    for key, name, registry in (
        ('runner_type', cfg.get('runner_type'), registries.RUNNERS),
        ('optim_wrapper.constructor', constructor, registries.OPTIM_WRAPPER_CONSTRUCTORS),
    ):
        if isinstance(name, str) and _lookup(registry, name) is None:
            raise ConfigError(f'{cfg.filename}: {key}: {unknown_type(name, registry)}')
    for path, node in _dicts(cfg._cfg_dict):
        if _is_foreign(cfg, path):
            continue
        where = f'{cfg.filename}: {".".join(path)}'
        registry = registry_of(path, node)
        if registry is not None and isinstance(node.get('type'), str):
            if _constructor(node, path) is None:
                raise ConfigError(f'{where}: {unknown_type(node["type"], registry)}')
        accepted = accepted_at(cfg, path)
        if accepted is None:
            continue
        for key in node:
            if key not in accepted:
                raise ConfigError(
                    f'{where}: unknown key {key!r}{nearest_key(key, accepted, node, path)}\n'
                    f'  valid keys: {", ".join(sorted(accepted - {"_scope_"}))}'
                )


def nearest_key(
    name: str, valid: Iterable[str], node: Mapping[str, Any], path: tuple[str, ...]
) -> str:
    """As `nearest`, for a key that may belong to a part inside of this one.

    Args:
        name: The key that is not known.
        valid: Keys that belong here.
        node: What is here.
        path: Where that is, from the top.
    """
    inside = {key.rpartition('.')[2]: key for key in _keys_inside(node, path)}
    near = '' if name in inside else nearest(name, sorted(valid))
    matches = difflib.get_close_matches(name, inside, n=1, cutoff=0.7)
    return near or (f'; did you mean {inside[matches[0]]!r}?' if matches else '')


def _keys_inside(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from ('.'.join((*path, key, name)) for name in value)
            yield from _keys_inside(value, (*path, key))


def annotated_parts(cfg: Config) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Dicts that are arguments of one of the toolbox's classes, whose annotations hold.

    Yields:
        Path from the top, and the dict.
    """
    for path, node in _dicts(cfg._cfg_dict):
        constructor = _constructor(node, path) or _implied_constructor(cfg, path)
        ours = getattr(constructor, '__module__', '').startswith('avsbench.')
        if ours and not _is_foreign(cfg, path):
            yield path, node


def registry_of(path: tuple[str, ...], node: dict) -> Registry | None:
    """The registry in which the `type` of a dict is looked up; None where nothing is known.

    Args:
        path: Keys from the top of the config; list items by their index as text.
        node: The dict at this path.
    """
    top, last = path[0], [part for part in path if not part.isdigit()][-1]
    if top == 'model' and any(part.endswith('_cfg') for part in path):
        return None  # norm_cfg, init_cfg and so on, whose readers take out further keys
    if top in DATALOADERS:
        if last in ('sampler', 'batch_sampler'):
            return registries.DATA_SAMPLERS
        if last in ('collate_fn', 'worker_init_fn'):
            return FUNCTIONS
        if len(path) == 1:
            return None
        return (
            registries.TRANSFORMS if {'pipeline', 'transforms'} & set(path) else registries.DATASETS
        )
    if top in EVALUATORS:
        return EVALUATOR if 'metrics' in node else registries.METRICS
    if last == 'vis_backends':
        return VISBACKENDS
    if last == 'optimizer':
        return OPTIMIZERS
    by_top = dict.fromkeys(LOOP_KEYS, LOOPS) | {
        'model': registries.MODELS,
        'optim_wrapper': registries.OPTIM_WRAPPERS,
        'param_scheduler': registries.PARAM_SCHEDULERS,
        'default_hooks': registries.HOOKS,
        'custom_hooks': registries.HOOKS,
        'visualizer': registries.VISUALIZERS,
        'log_processor': LOG_PROCESSORS,
        'model_wrapper_cfg': MODEL_WRAPPERS,
    }
    return by_top.get(top)


def _constructor(node: dict, path: tuple[str, ...]) -> Callable[..., Any] | None:
    kind = node.get('type')
    if kind is None:
        defaults = {
            'val_cfg': ValLoop,
            'test_cfg': TestLoop,
            'log_processor': LogProcessor,
            'optim_wrapper': _lookup(registries.OPTIM_WRAPPERS, 'OptimWrapper'),
            'train_cfg': EpochBasedTrainLoop if node.get('by_epoch') else IterBasedTrainLoop,
        }
        return defaults.get(path[0]) if len(path) == 1 else None
    if callable(kind):
        return kind
    registry = registry_of(path, node)
    if registry is None:
        return None
    found = _lookup(registry, kind)
    if found is None and path[0] == 'model':
        return _lookup(TASK_UTILS, kind)  # assigners, samplers and coders of mmsegmentation's heads
    return found


def _implied_constructor(cfg: Config, path: tuple[str, ...]) -> Callable[..., Any] | None:
    """What a part of the model is given to that has no `type`: its owner's `implied_types` say."""
    owner = _node_at(cfg, path[:-1])
    if path[0] != 'model' or not isinstance(owner, dict) or 'type' not in owner:
        return None
    implied = getattr(_constructor(owner, path[:-1]), 'implied_types', {})
    return _lookup(registries.MODELS, implied[path[-1]]) if path[-1] in implied else None


def _lookup(registry: Registry, name: str) -> Any:
    """`registry.get`, without its KeyError for an unknown scope."""
    try:
        return registry.get(name)
    except KeyError:
        return None


def _injected(path: tuple[str, ...]) -> set[str]:
    """Arguments that the runner fills in itself, so that a config doesn't."""
    if path[0] in LOOP_KEYS:
        return {'runner', 'dataloader', 'evaluator'}
    if path[0] == 'param_scheduler':
        return {'optimizer'}
    if path[-1] == 'optimizer':
        return {'params'}
    return set()


def _extra_keys(path: tuple[str, ...]) -> set[str]:
    """Keys that mmengine takes out of a dict before it builds the class from the rest."""
    if path == ('train_cfg',):
        return {'by_epoch'}
    if path == ('optim_wrapper',):
        return {'optimizer', 'constructor', 'paramwise_cfg'}
    if path[0] == 'param_scheduler':
        return {'convert_to_iter_based'}
    if path[0] in ('default_hooks', 'custom_hooks'):
        return {'priority'}
    return set()


def _paramwise_keys(cfg: Config, path: tuple[str, ...]) -> set[str]:
    known = _PLAIN_DICTS[path[:2]]
    if 'constructor' in cfg.optim_wrapper:
        kind = _lookup(registries.OPTIM_WRAPPER_CONSTRUCTORS, cfg.optim_wrapper.constructor)
        if not hasattr(kind, 'more_paramwise_keys'):  # not one of the toolbox's
            return ANYTHING
        known = known | kind.more_paramwise_keys
    if path[2:] == ('custom_keys',):
        return ANYTHING
    return {'lr_mult', 'decay_mult'} if path[2:3] == ('custom_keys',) else known


def _dataloader_keys() -> set[str]:
    names = set(inspect.signature(DataLoader.__init__).parameters) - {'self'}
    return names | {'num_batch_per_epoch'}


def _is_foreign(cfg: Config, path: tuple[str, ...]) -> bool:
    """Whether a part, or one around it, asks for the names of another library by `_scope_`."""
    around = (_node_at(cfg, path[:end]) for end in range(1, len(path) + 1))
    return any(isinstance(node, dict) and '_scope_' in node for node in around)


def _node_at(cfg: Config, path: tuple[str, ...]) -> Any:
    node: Any = cfg._cfg_dict
    for part in path:
        node = node[part] if isinstance(node, dict) else node[int(part)]
    return node


def _dicts(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Every dict below a node, with its path; the node itself is left out."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        here = (*path, str(key))
        if isinstance(value, dict):
            yield here, value
        if isinstance(value, dict | list | tuple):
            yield from _dicts(value, here)
