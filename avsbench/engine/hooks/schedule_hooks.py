"""Which parts of a network are trained in an epoch, and at which learning rate."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

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
        if runner.epoch or runner.iter:
            return
        schedulers = runner.param_schedulers
        groups = schedulers.values() if isinstance(schedulers, dict) else [schedulers]
        for scheduler in (scheduler for group in groups for scheduler in group):
            if scheduler.by_epoch:
                scheduler.step()


@HOOKS.register_module()
class FreezeBackboneHook(Hook):
    """Give a part of the network no gradient before an epoch, and one from then on.

    As in AVSegFormer's published training, only the gradient is switched: batch norm statistics
    go on being updated, and drop path stays active. Parameters that had none from the start keep
    none.

    Args:
        until_epoch: First epoch, counted from 0, in which the part is trained.
        module: Dotted name of the part in the network.
    """

    def __init__(self, until_epoch: int, module: str = 'backbone') -> None:
        if until_epoch < 0:
            raise ConfigError(f'until_epoch={until_epoch}, expected 0 or more')
        self.until_epoch = until_epoch
        self.module = module
        self._parameters: list[nn.Parameter] = []

    def before_train(self, runner: Runner) -> None:
        """Find the parameters to switch.

        Raises:
            ConfigError: The network has no part of that name.
        """
        part = self._part(runner)
        self._parameters = [p for p in part.parameters() if p.requires_grad]

    def before_train_epoch(self, runner: Runner) -> None:
        """Switch the gradient according to the epoch."""
        trained = runner.epoch >= self.until_epoch
        for parameter in self._parameters:
            parameter.requires_grad_(trained)
            if not trained:
                parameter.grad = None
        if runner.epoch in (0, self.until_epoch) and self.until_epoch > 0:
            state = 'trained' if trained else f'frozen until epoch {self.until_epoch + 1}'
            runner.logger.info(f'{self.module}: {state}')

    def _part(self, runner: Runner) -> nn.Module:
        model = runner.bare_model
        try:
            return model.get_submodule(self.module)
        except AttributeError as error:
            names = [name for name, _ in model.named_modules() if name]
            raise ConfigError(
                f'FreezeBackboneHook.module={self.module!r}: {type(model).__name__} has no such '
                f'part{nearest(self.module, names)}'
            ) from error
