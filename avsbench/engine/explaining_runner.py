"""mmengine's runner, with errors that say which part of the config could not be built."""

import functools
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from avsbench.config.build import building
from avsbench.registry import HOOKS, MODELS


def names_part(*keys: str) -> Callable[[Callable], Callable]:
    """Decorate a method that builds a part of the config, so that its errors name the part's key.

    Args:
        keys: Where the part may be; the runner keeps the config of each as `_<key>`.
    """

    def decorate(method: Callable) -> Callable:
        @functools.wraps(method)
        def build(self: Runner, part: Any, *args: Any, **kwargs: Any) -> Any:
            key = next((key for key in keys if getattr(self, f'_{key}', None) is part), keys[0])
            with building(self.cfg, key):
                return method(self, part, *args, **kwargs)

        return build

    return decorate


class ExplainingRunner(Runner):
    """Names the config file, the key and the part in errors of building.

    The network and the hooks are built through the toolbox's registries, whose errors name the
    parts inside too; mmengine builds the others through its root registries.
    """

    build_train_loop = names_part('train_cfg')(Runner.build_train_loop)
    build_val_loop = names_part('val_cfg')(Runner.build_val_loop)
    build_test_loop = names_part('test_cfg')(Runner.build_test_loop)
    build_evaluator = names_part('val_evaluator', 'test_evaluator')(Runner.build_evaluator)
    build_param_scheduler = names_part('param_scheduler')(Runner.build_param_scheduler)
    build_visualizer = names_part('visualizer')(Runner.build_visualizer)
    build_log_processor = names_part('log_processor')(Runner.build_log_processor)

    @names_part('model')
    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the network, through the toolbox's registry."""
        return super().build_model(MODELS.build(model) if isinstance(model, dict) else model)

    def register_hook(self, hook: Hook | dict, priority: int | str | None = None) -> None:
        """Build a hook, through the toolbox's registry, and add it by priority."""
        if isinstance(hook, dict):
            arguments = dict(hook)
            configured = arguments.pop('priority', None)
            priority = configured if priority is None else priority
            with building(self.cfg):
                hook = HOOKS.build(arguments)
        super().register_hook(hook, priority)
