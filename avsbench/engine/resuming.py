"""Going on from a checkpoint with other settings: where the training is, and at which rates."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from avsbench.engine.hooks.schedule_hooks import StepSchedulersFirstHook
from avsbench.engine.settings import Change, Settings
from avsbench.engine.training_state import each_scheduler
from avsbench.utils.errors import ConfigError

# Changes below these leave optimizer and schedules as they are.
_NOT_ABOUT_RATES = ('model', 'data_preprocessor', 'custom_hooks', 'default_hooks', 'sync_bn')


def saved_settings(meta: dict[str, Any]) -> Settings:
    """The settings that a checkpoint was saved with; of an older one the few that it tells."""
    if isinstance(meta.get('settings'), dict):
        return meta['settings']
    names = {
        'seed': 'randomness.seed',
        'num_processes': 'num_processes',
        'num_samples': 'num_samples',
        'batch_size': 'train_dataloader.batch_size',
    }
    return {name: meta[key] for key, name in names.items() if meta.get(key) is not None}


def place_to_go_on(meta: dict[str, Any], loop: Any) -> tuple[int, int]:
    """Epochs and iterations that are done, as this run counts them.

    With another number of iterations per epoch, epochs count, and the part of one that is done.

    Args:
        meta: Of the checkpoint.
        loop: The training loop of this run.
    """
    epoch, iteration = meta['epoch'], meta['iter']
    if not isinstance(loop, EpochBasedTrainLoop):
        return 0, iteration
    length = len(loop.dataloader)
    before = meta.get('epoch_length') or (iteration // epoch if epoch else length)
    if not meta.get('by_epoch', True):
        epoch = iteration // before
    done = max(0, iteration - epoch * before)
    if before != length:
        done = min(length, math.floor(done / max(before, 1) * length))
    return epoch, epoch * length + done


def changes_rates(found: Sequence[Change]) -> bool:
    """Whether optimizer and schedules are to follow the config instead of the checkpoint."""
    return any(change.key.split('.')[0] not in _NOT_ABOUT_RATES for change in found)


def replay_schedules(
    schedulers: list | dict[str, list] | None,
    hooks: Sequence[Hook],
    *,
    epochs: int,
    iterations: int,
    epoch_length: int | None,
) -> None:
    """Step newly built schedules as a training has that is this far.

    Args:
        schedulers: At their beginning; they set the rates of the optimizer.
        hooks: Of the run; one may step the schedules before the first epoch.
        epochs: That are done.
        iterations: That are done.
        epoch_length: Iterations of an epoch; None in a training by iterations.

    Raises:
        ConfigError: One of them follows a metric, which is not known any more.
    """
    if any(getattr(scheduler, 'need_val_args', False) for scheduler in each_scheduler(schedulers)):
        raise ConfigError(
            'param_scheduler: a schedule that follows a metric can not be computed anew, so a '
            'training with one is resumed with the optimizer, the schedules and the length that '
            'it had'
        )
    by_epoch = [s for s in each_scheduler(schedulers) if s.by_epoch]
    by_iteration = [s for s in each_scheduler(schedulers) if not s.by_epoch]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of schedules that step without the optimizer
        if epochs or iterations:
            for hook in hooks:
                if isinstance(hook, StepSchedulersFirstHook):
                    hook.step_first(schedulers)
        done = 0
        for iteration in range(1, iterations + 1):
            for scheduler in by_iteration:
                scheduler.step()
            if epoch_length and iteration % epoch_length == 0 and done < epochs:
                done += 1
                for scheduler in by_epoch:
                    scheduler.step()
