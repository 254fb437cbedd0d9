"""Registries of the toolbox, children of mmengine's.

With `locations`, a class is found by its name as soon as `default_scope = 'avsbench'` is set:
neither `custom_imports` nor a registration function is needed, and an ImportError inside the
package surfaces as itself.
"""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(parent.name, parent=parent, scope='avsbench', locations=list(locations))


MODELS = _child(mmengine_registry.MODELS, 'avsbench.models', 'avsbench.systems')
SYSTEMS = Registry('system', scope='avsbench', locations=['avsbench.systems'])
DATASETS = _child(mmengine_registry.DATASETS, 'avsbench.datasets')
TRANSFORMS = _child(mmengine_registry.TRANSFORMS, 'avsbench.datasets.transforms')
METRICS = _child(mmengine_registry.METRICS, 'avsbench.evaluation')
HOOKS = _child(mmengine_registry.HOOKS, 'avsbench.engine.hooks')
DATA_SAMPLERS = _child(mmengine_registry.DATA_SAMPLERS, 'avsbench.engine')
RUNNERS = _child(mmengine_registry.RUNNERS, 'avsbench.engine')
OPTIM_WRAPPERS = _child(mmengine_registry.OPTIM_WRAPPERS, 'avsbench.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS, 'avsbench.engine')
VISUALIZERS = _child(mmengine_registry.VISUALIZERS, 'avsbench.visualization')

# Nothing of the toolbox is in these; without a child of each, mmengine warns at every look-up.
_EMPTY = [
    _child(getattr(mmengine_registry, name), 'avsbench.engine')
    for name in (
        'EVALUATOR',
        'FUNCTIONS',
        'LOG_PROCESSORS',
        'LOOPS',
        'MODEL_WRAPPERS',
        'OPTIMIZERS',
        'PARAM_SCHEDULERS',
        'RUNNER_CONSTRUCTORS',
        'STRATEGIES',
        'TASK_UTILS',
        'VISBACKENDS',
        'WEIGHT_INITIALIZERS',
    )
]
