"""Phases of a training, in which different parts of the network are trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from avsbench.engine.hooks.cost_hook import parameter_lines
from avsbench.registry import HOOKS
from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.patterns import matching, near_patterns


@dataclass(frozen=True)
class Phase:
    """One phase of a training.

    Attributes:
        until: First epoch or iteration, counted from 0, that is no longer in it; None for the end
            of the training.
        trained: Patterns (`avsbench.utils.patterns`) of what is trained: parts or parameters by
            their names in the network, with everything below.
        frozen: Patterns of what isn't, of that.
    """

    until: int | None = None
    trained: Sequence[str] = ('**',)
    frozen: Sequence[str] = ()


@HOOKS.register_module()
class PhaseHook(Hook):
    """Give a gradient to other parts of the network in each phase of a training.

    Only the gradient is switched: batch norm statistics go on being updated, and drop path stays
    active. Parameters that had no gradient from the start keep none. A resumed training goes on in
    the phase that it is in.

    Args:
        phases: The phases in their order, dicts of the fields of `Phase`.
        by_epoch: Whether `until` counts epochs, or iterations.

    Raises:
        ConfigError: A phase has other keys, or ends before it begins.
    """

    def __init__(self, phases: Sequence[Mapping[str, Any]], by_epoch: bool = True) -> None:
        self.phases = [_phase(type(self).__name__, index, cfg) for index, cfg in enumerate(phases)]
        ends = [phase.until for phase in self.phases]
        numbers = [end for end in ends[:-1] if isinstance(end, int)]
        ordered = numbers == sorted(set(numbers)) and min(numbers, default=1) > 0
        if not ends or ends[-1] is not None or len(numbers) < len(ends) - 1 or not ordered:
            raise ConfigError(
                f'{type(self).__name__}: phases end at {ends}, expected growing numbers above 0, '
                'and no `until` in the last phase, which goes on to the end of the training'
            )
        self.by_epoch = by_epoch
        self._parameters: dict[str, nn.Parameter] = {}
        self._trained: list[set[str]] = []
        self._now: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Find the parameters of each phase.

        Raises:
            ConfigError: A pattern matches nothing, or a training by iterations counts epochs.
        """
        if self.by_epoch and len(self.phases) > 1:
            if isinstance(runner.train_loop, IterBasedTrainLoop):
                raise ConfigError(
                    f'{type(self).__name__}: the training has no epochs; set by_epoch=False, '
                    '`until` then counts iterations'
                )
        model = runner.bare_model
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        names = [name for name, _ in model.named_parameters()]
        self._trained = [
            _found(self, model, names, phase.trained) - _found(self, model, names, phase.frozen)
            for phase in self.phases
        ]
        self._now = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Switch the gradients, if the epoch begins another phase."""
        if self.by_epoch:
            self._enter(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Switch the gradients, if the iteration begins another phase."""
        if not self.by_epoch:
            self._enter(runner, runner.iter)

    def _enter(self, runner: Runner, step: int) -> None:
        ends = [phase.until for phase in self.phases]
        index = next(i for i, end in enumerate(ends) if end is None or step < end)
        if index == self._now:
            return
        self._now = index
        for name, parameter in self._parameters.items():
            trained = name in self._trained[index]
            parameter.requires_grad_(trained)
            if not trained:
                parameter.grad = None
        if text := self.description(runner.bare_model, index):
            runner.logger.info(text)

    def description(self, model: nn.Module, index: int) -> str:
        """What the log says when a phase begins; '' for nothing."""
        end = self.phases[index].until
        unit = 'epoch' if self.by_epoch else 'iteration'
        until = '' if end is None else f', to {unit} {end}'
        lines = '\n'.join(parameter_lines(model))
        return f'phase {index + 1} of {len(self.phases)}{until}; {lines}'


def _phase(owner: str, index: int, cfg: Mapping[str, Any]) -> Phase:
    known = [field.name for field in fields(Phase)]
    for key in cfg:
        if key not in known:
            raise ConfigError(
                f'{owner}: phases.{index}: unknown key {key!r}{nearest(key, known)}; valid keys: '
                f'{", ".join(known)}'
            )
    for key in ('trained', 'frozen'):
        if isinstance(cfg.get(key, ()), str):
            raise ConfigError(f'{owner}: phases.{index}.{key}: expected a list of patterns')
    return Phase(**cfg)


def _found(hook: Hook, model: nn.Module, names: list[str], patterns: Sequence[str]) -> set[str]:
    """The parameters that patterns stand for."""
    found: set[str] = set()
    for pattern in patterns:
        matches = matching(pattern, names, below=True)
        if not matches:
            parts = [name for name, _ in model.named_modules()]
            raise ConfigError(
                f'{type(hook).__name__}: {pattern!r} matches no parameter of '
                f'{type(model).__name__}{near_patterns(pattern, [*parts, *names])}'
            )
        found.update(matches)
    return found
