"""Registries of the toolbox, children of mmengine's.

With `locations`, a class is found by its name as soon as `default_scope = 'avsbench'` is set:
neither `custom_imports` nor a registration function is needed, and an ImportError inside the
package surfaces as itself.

What goes wrong while a part is built becomes a `BuildError`, which names the parts around it:
"AVSegmentor > AVSegFormerHead > DeformablePixelDecoder: unknown argument 'num_layer'; did you mean
'num_layers'?". `avsbench.config.build` adds the config file and the dotted path.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from avsbench.utils.errors import AVSBenchError, ConfigError, nearest
from avsbench.utils.signatures import arguments, describe_arguments, required_arguments


class BuildError(ConfigError):
    """A part of a config can't be built.

    Args:
        problem: What is wrong with it.
        parts: Configs of the part, as they were given to `build`, and of those around it, the
            outermost first.
        place: Config file and dotted path of the part, once they are known.
    """

    def __init__(self, problem: str, parts: Sequence[Mapping] = (), place: str = '') -> None:
        where = place or ' > '.join(type_name(part) for part in parts)
        super().__init__(f'{where}: {problem}' if where else problem)
        self.problem = problem
        self.parts = tuple(parts)
        self.place = place


def explained(build: Callable[..., Any]) -> Callable[..., Any]:
    """A `build_func` of a registry, with errors that name the part which could not be built.

    Errors of the toolbox other than a `ConfigError`, and an ImportError, pass unchanged.
    """

    def build_part(cfg: Any, *args: Any, registry: Registry, **kwargs: Any) -> Any:
        parts = [cfg] if isinstance(cfg, Mapping) and 'type' in cfg else []
        try:
            return build(cfg, *args, registry=registry, **kwargs)
        except BuildError as error:
            if error.place:
                raise
            raise BuildError(error.problem, [*parts, *error.parts]) from (error.__cause__ or error)
        except Exception as error:
            if not is_config_problem(error):
                raise
            problem = describe(error)
            if not parts:
                problem = f"a dict with a 'type' is expected here, got {cfg!r}"
            elif _constructor(cfg, registry) is None:
                parts, problem = [], unknown_type(cfg['type'], registry)
            elif isinstance(error, TypeError):
                given = set(cfg) | set(kwargs.get('default_args') or ())
                problem = _argument_problem(_constructor(cfg, registry), given) or problem
            raise BuildError(problem, parts) from error

    return build_part


def is_config_problem(error: Exception) -> bool:
    """Whether an error of building a part is to be told as one of the config."""
    if isinstance(error, AVSBenchError):
        return isinstance(error, ConfigError)
    return not isinstance(error, ImportError)


def describe(error: Exception) -> str:
    """The message; with the kind of error, where that is not the toolbox's."""
    if isinstance(error, ConfigError):
        return str(error)
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f'{type(error).__name__}: {text}'


def type_name(part: Mapping) -> str:
    """The `type` of a config, which may be a name, a class, or missing, as text."""
    kind = part.get('type', 'dict')
    return kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))


def unknown_type(name: str, registry: Registry) -> str:
    """Message for a `type` that a registry doesn't have, with the nearest one that it has."""
    names: set[str] = set()
    level: Registry | None = registry
    while level is not None:
        names |= set(level.module_dict)
        level = level.parent
    return (
        f'unknown type {name!r}{nearest(name, sorted(names))}\n'
        f'  registered as {registry.name}: {", ".join(sorted(registry.module_dict))}\n'
        '  If it is yours, is its file imported? Name it in the config: '
        "custom_imports = dict(imports=['my_package.my_module'])"
    )


def _constructor(cfg: Mapping, registry: Registry) -> Any:
    kind = cfg['type']
    try:
        return registry.get(kind) if isinstance(kind, str) else kind
    except KeyError:  # an unknown scope
        return None


def _argument_problem(constructor: Callable[..., Any], given: set[str]) -> str:
    """What is wrong with the names of the arguments, or an empty string."""
    known, is_open = arguments(constructor)
    unknown = [] if is_open else sorted(given - known - {'type', '_scope_'})
    missing = [name for name in required_arguments(constructor) if name not in given]
    problems = [f'unknown argument {name!r}{nearest(name, sorted(known))}' for name in unknown]
    if missing:
        problems.append(f'missing argument {", ".join(map(repr, missing))}')
    takes = f'\n  {constructor.__name__} takes: {describe_arguments(constructor)}'
    return '; '.join(problems) + takes if problems else ''


def _child(parent: Registry, *locations: str) -> Registry:
    build = explained(parent.build_func)
    return Registry(parent.name, build, parent, scope='avsbench', locations=list(locations))


MODELS = _child(mmengine_registry.MODELS, 'avsbench.models', 'avsbench.systems')
SYSTEMS = Registry('system', scope='avsbench', locations=['avsbench.systems'])
# Functions that compute what a parity fixture stores, by the fixture's `system`; the network of a
# system of `SYSTEMS` needs none.
CHECKERS = Registry(
    'parity checker', scope='avsbench', locations=['avsbench.parity', 'avsbench.systems']
)
DATASETS = _child(mmengine_registry.DATASETS, 'avsbench.datasets')
TRANSFORMS = _child(mmengine_registry.TRANSFORMS, 'avsbench.datasets.transforms')
METRICS = _child(mmengine_registry.METRICS, 'avsbench.evaluation')
HOOKS = _child(mmengine_registry.HOOKS, 'avsbench.engine.hooks')
DATA_SAMPLERS = _child(mmengine_registry.DATA_SAMPLERS, 'avsbench.engine')
RUNNERS = Registry(
    'runner', parent=mmengine_registry.RUNNERS, scope='avsbench', locations=['avsbench.engine']
)
OPTIM_WRAPPERS = _child(mmengine_registry.OPTIM_WRAPPERS, 'avsbench.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS, 'avsbench.engine')
PARAM_SCHEDULERS = _child(mmengine_registry.PARAM_SCHEDULERS, 'avsbench.engine')
VISUALIZERS = _child(mmengine_registry.VISUALIZERS, 'avsbench.visualization')

# Empty: mmengine warns at each look-up in a registry that has no child for the default scope.
_EMPTY = [
    _child(getattr(mmengine_registry, name), 'avsbench.engine')
    for name in (
        'EVALUATOR FUNCTIONS LOG_PROCESSORS LOOPS MODEL_WRAPPERS OPTIMIZERS '
        'RUNNER_CONSTRUCTORS STRATEGIES TASK_UTILS VISBACKENDS WEIGHT_INITIALIZERS'
    ).split()
]
