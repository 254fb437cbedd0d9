"""Which parts of a network are trained in an epoch, at which learning rate, and on what loss."""

import math

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from avsbench.engine.hooks.phase_hook import PhaseHook
from avsbench.engine.training_state import each_scheduler
from avsbench.registry import HOOKS
from avsbench.utils.errors import ConfigError, nearest


@HOOKS.register_module()
class StepSchedulersFirstHook(Hook):
    """Step the schedules by epoch once before the first epoch.

    Some published trainings step before each epoch, so that their first epoch runs at the second
    rate of the schedule. After this step the usual stepping after each epoch gives the same rates.
    A resumed training finds its schedules where it left them.
    """

    priority = 'LOW'

    def before_train(self, runner: Runner) -> None:
        """Step each schedule that counts epochs, unless the training goes on from a checkpoint."""
        if not runner.epoch and not runner.iter:
            self.step_first(runner.param_schedulers)

    def step_first(self, schedulers: list | dict[str, list] | None) -> None:
        """Take the step before the first epoch, also of a schedule that is computed anew."""
        for scheduler in each_scheduler(schedulers):
            if scheduler.by_epoch:
                scheduler.step()


@HOOKS.register_module()
class FreezeBackboneHook(PhaseHook):
    """Give a part of the network no gradient before an epoch, and one from then on.

    The two phases of AVSegFormer's published training, see `PhaseHook`.

    Args:
        until_epoch: First epoch, counted from 0, in which the part is trained.
        module: Dotted name of the part in the network.
    """

    def __init__(self, until_epoch: int, module: str = 'backbone') -> None:
        if until_epoch < 0:
            raise ConfigError(f'until_epoch={until_epoch}, expected 0 or more')
        self.until_epoch = until_epoch
        self.module = module
        first = [dict(until=until_epoch, frozen=[module])] if until_epoch else []
        super().__init__([*first, {}])

    def before_train(self, runner: Runner) -> None:
        """Find the parameters to switch.

        Raises:
            ConfigError: The network has no part of that name.
        """
        find_part(runner, self)
        super().before_train(runner)

    def description(self, model: nn.Module, index: int) -> str:
        """Whether the part is trained."""
        if not self.until_epoch:
            return ''
        frozen = self.phases[index].until is not None
        state = f'frozen until epoch {self.until_epoch + 1}' if frozen else 'trained'
        return f'{self.module}: {state}'


@HOOKS.register_module()
class FirstRatesHook(Hook):
    """Train a part of the network at given learning rates in the first epochs.

    The schedule goes on below: after these epochs the part has the rates of the schedule.

    Args:
        rates: Learning rate of each of the first epochs.
        module: Dotted name of the part in the network.
    """

    def __init__(self, rates: list[float], module: str = 'backbone') -> None:
        self.rates = list(rates)
        self.module = module

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the rate of the epoch.

        Raises:
            ConfigError: The network has no part of that name, or the optimizer treats it as others.
        """
        if runner.epoch >= len(self.rates):
            return
        for group in self._groups(runner):
            # Kept with the group, so that a checkpoint in the middle of the epoch has it too.
            group.setdefault('scheduled_lr', group['lr'])
            group['lr'] = self.rates[runner.epoch]

    def after_train_epoch(self, runner: Runner) -> None:
        """Give the schedule its rates back, before it steps."""
        for group in self._groups(runner):
            if 'scheduled_lr' in group:
                group['lr'] = group.pop('scheduled_lr')

    def _groups(self, runner: Runner) -> list[dict]:
        """The optimiser's groups of the part's parameters."""
        wanted = {id(parameter) for parameter in find_part(runner, self).parameters()}
        found = []
        for group in runner.optim_wrapper.param_groups:
            inside = [id(parameter) in wanted for parameter in group['params']]
            if any(inside) and not all(inside):
                raise ConfigError(
                    f'FirstRatesHook: {self.module} has the optimizer settings of other parts, so '
                    'it can not have rates of its own; name it in the config, with '
                    f"optim_wrapper.paramwise_cfg.custom_keys={{'{self.module}': "
                    'dict(lr_mult=1.0)}'
                )
            if any(inside):
                found.append(group)
        return found


@HOOKS.register_module()
class DecayingLossHook(Hook):
    """Multiply all losses of epoch e, counted from 0, by exp(-e / epochs).

    For decode heads with a `loss_factor`.

    Args:
        epochs: Epochs in which the factor falls to 1 / e.
    """

    def __init__(self, epochs: float) -> None:
        if epochs <= 0:
            raise ConfigError(f'DecayingLossHook: epochs={epochs}, expected more than 0')
        self.epochs = epochs

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the factor of the epoch.

        Raises:
            ConfigError: The decode head has no such factor.
        """
        head = runner.bare_model.decode_head
        if not hasattr(head, 'loss_factor'):
            raise ConfigError(f'DecayingLossHook: {type(head).__name__} has no loss_factor')
        head.loss_factor = math.exp(-runner.epoch / self.epochs)


@HOOKS.register_module()
class ProgressHook(Hook):
    """Tell the parts of a network how far the training is, before each of its steps.

    They have a method `set_progress(step, total)`: steps that were taken, and all steps. Nothing of
    it is saved, a training that goes on tells them anew.
    """

    def before_train(self, runner: Runner) -> None:
        """Check that somebody listens.

        Raises:
            ConfigError: No part has such a method.
        """
        if not self._listeners(runner):
            raise ConfigError(
                'ProgressHook: no part of the network has a method set_progress(step, total); '
                'leave the hook out of custom_hooks'
            )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | tuple | list | None = None
    ) -> None:
        """Tell all parts."""
        for part in self._listeners(runner):
            part.set_progress(runner.iter, runner.max_iters)

    def _listeners(self, runner: Runner) -> list[nn.Module]:
        return [part for part in runner.bare_model.modules() if hasattr(part, 'set_progress')]


def find_part(runner: Runner, hook: Hook) -> nn.Module:
    """The part of the network that a hook's `module` names."""
    model = runner.bare_model
    try:
        return model.get_submodule(hook.module)
    except AttributeError as error:
        names = [name for name, _ in model.named_modules() if name]
        raise ConfigError(
            f'{type(hook).__name__}.module={hook.module!r}: {type(model).__name__} has no such '
            f'part{nearest(hook.module, names)}'
        ) from error
