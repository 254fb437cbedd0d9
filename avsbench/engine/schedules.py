"""Schedules of the learning rate that treat parts of the network apart."""

from mmengine.optim import BaseOptimWrapper
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler
from torch.optim import Optimizer

from avsbench.registry import PARAM_SCHEDULERS
from avsbench.utils.errors import ConfigError


@PARAM_SCHEDULERS.register_module()
class TwoPhaseWarmupPolyLR(LRSchedulerMixin, _ParamScheduler):
    """Two linear warm-ups, one after the other, each followed by a polynomial decay to 0.

    All groups of the optimizer but one part's warm up first. That part, such as a pretrained
    backbone, keeps a rate of 0 until then, and warms up in turn. As in EoMT (arXiv 2503.19108).

    Args:
        optimizer: Its groups carry the key `part`: `paramwise_cfg.parts` of
            `ModuleKindOptimWrapperConstructor` names it.
        later: Name of the part that warms up second.
        warmup: Steps of the first warm-up and of the second.
        power: Of the decay.
        begin: First step.
        end: Step at which the rate is 0.
        last_step: Number of the last step of a training that goes on; -1 for a new one.
        by_epoch: Whether steps are epochs; iterations are what it is made for, with
            `convert_to_iter_based` where `end` is given in epochs.
        verbose: Whether to print the rate at each step.

    Raises:
        ConfigError: No group is of that part, or the warm-ups don't end before the training.
    """

    def __init__(
        self,
        optimizer: BaseOptimWrapper | Optimizer,
        *,
        later: str,
        warmup: tuple[int, int],
        power: float = 0.9,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = False,
        verbose: bool = False,
    ) -> None:
        self.later = later
        self.warmup = tuple(warmup)
        self.power = power
        self.total = end - begin
        if not any(group.get('part') == later for group in optimizer.param_groups):
            raise ConfigError(
                f'TwoPhaseWarmupPolyLR: no group of the optimizer is of the part {later!r}; set '
                f'optim_wrapper.paramwise_cfg.parts=({later!r},), with '
                "constructor='ModuleKindOptimWrapperConstructor'"
            )
        if sum(self.warmup) >= self.total:
            raise ConfigError(
                f'TwoPhaseWarmupPolyLR: warm-ups of {self.warmup} steps in a training of '
                f'{self.total}; lower param_scheduler.*.warmup, or train longer'
            )
        super().__init__(
            optimizer,
            begin=begin,
            end=end,
            last_step=last_step,
            by_epoch=by_epoch,
            verbose=verbose,
        )

    @classmethod
    def build_iter_from_epoch(
        cls,
        optimizer: BaseOptimWrapper | Optimizer,
        *,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int,
        **settings: object,
    ) -> 'TwoPhaseWarmupPolyLR':
        """The same with `begin` and `end` in epochs, as mmengine's runner calls it.

        Args:
            optimizer: See the class.
            begin: First epoch.
            end: Epoch at which the rate is 0.
            by_epoch: True, which the runner has checked.
            epoch_length: Iterations of an epoch.
            settings: The other arguments of the class.
        """
        first, last = (INF if epoch == INF else epoch * epoch_length for epoch in (begin, end))
        return cls(optimizer, begin=first, end=last, by_epoch=False, **settings)

    def factor(self, step: int, *, is_later: bool) -> float:
        """What the base rate is multiplied by.

        Args:
            step: Steps since `begin`.
            is_later: Whether for the part that warms up second.
        """
        first, second = self.warmup
        start, length = (first, second) if is_later else (0, first)
        if step < start:
            return 0.0
        if step < start + length:
            return (step - start) / length
        begun = start + length
        return (1 - (step - begun) / (self.total - begun)) ** self.power

    def _get_value(self) -> list[float]:
        groups = zip(self.optimizer.param_groups, self.base_values, strict=True)
        return [
            rate * self.factor(self.last_step, is_later=group.get('part') == self.later)
            for group, rate in groups
        ]
