"""Says at the start of a training what is trained, and soon how long it will take."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from avsbench.engine.console import log_to_file
from avsbench.registry import HOOKS


@HOOKS.register_module()
class CostHook(Hook):
    """Log trained and frozen parameters of each part, and after some steps the hours to expect.

    The expectation is the median step, the wait for its data included, times all steps that are
    left. Validations come on top of it.

    Args:
        after: Steps before the expectation is logged.
    """

    priority = 'VERY_LOW'

    def __init__(self, after: int = 50) -> None:
        self.after = after
        self._last: float | None = None
        self._seconds: list[float] = []

    def before_train(self, runner: Runner) -> None:
        """Log the parameters."""
        self._last, self._seconds = None, []
        log_to_file(runner.logger, '\n'.join(parameter_lines(runner.bare_model)))

    def before_train_epoch(self, runner: Runner) -> None:
        """Do not count what lies between two epochs."""
        self._last = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Measure a step; after `after` of them log the expectation."""
        if len(self._seconds) >= self.after:
            return
        now = time.perf_counter()
        if self._last is not None:
            self._seconds.append(now - self._last)
        self._last = now
        if len(self._seconds) == self.after:
            step = statistics.median(self._seconds)
            left = runner.max_iters - runner.iter - 1
            runner.logger.info(
                f'{left} of {runner.max_iters} steps are left: about {_duration(left * step)} '
                f'at {step:.3g} s per step, and validations'
            )


def parameter_lines(model: nn.Module) -> list[str]:
    """A line for each part of a network, with its trained and frozen parameters in millions.

    Modules that were inserted into a part (`avsbench.models.inserts`) follow it, by their kind;
    their parameters are among the part's.
    """
    lines = ['parameters in millions, trained and frozen:']
    for name, part in (*model.named_children(), ('all', model)):
        lines += _line(name, [part])
        kinds: dict[str, list[nn.Module]] = {}
        for module in part.modules() if part is not model else ():
            if getattr(module, 'is_inserted', False):
                kinds.setdefault(type(module).__name__, []).append(module)
        for kind, inserted in kinds.items():
            lines += _line(f'  {len(inserted)} {kind}', inserted)
    return lines


def _line(name: str, parts: Sequence[nn.Module]) -> list[str]:
    """The line of some modules, none where they have no parameters."""
    parameters = [parameter for part in parts for parameter in part.parameters()]
    if not parameters:
        return []
    trained, frozen = (
        sum(p.numel() for p in parameters if p.requires_grad == state) / 1e6
        for state in (True, False)
    )
    return [f'  {name:<16} {trained:8.2f} {frozen:8.2f}']


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f'{minutes:.0f} minutes' if minutes < 90 else f'{minutes / 60:.1f} hours'
