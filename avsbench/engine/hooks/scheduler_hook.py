"""Schedules that are stepped before an epoch, not after it."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.registry import HOOKS


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
