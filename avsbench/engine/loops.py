"""mmengine's training loops, which can stop and go on after any step."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import torch
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, TestLoop, ValLoop
from torch.utils.data import BatchSampler, DataLoader, Sampler

from avsbench.engine.amp import evaluating_in
from avsbench.engine.hooks.finite_loss_hook import TrainingDivergedError
from avsbench.engine.loaders import close_workers
from avsbench.engine.training_state import each_scheduler, rng_state, set_rng_state
from avsbench.processes.signals import Interrupted
from avsbench.utils.errors import CheckpointError, ConfigError


class _ValidationStoppedError(Exception):
    """A signal came during a validation."""


class _Stoppable:
    """What both training loops share.

    Attributes:
        validation_pending: The validation after the last step has not been done, or not to its end.
    """

    validation_pending = False
    _step_taken = False  # the weights have changed, but the step is not counted yet
    _epoch_schedules: list[int] | None = None  # while an epoch ends: their steps before
    _begin = (0, 0)

    def position(self) -> dict[str, Any]:
        """Where the training is, as a checkpoint keeps it."""
        return dict(epoch=self._epoch, iter=self._iter, validation_pending=self.validation_pending)

    def _take_step(self, index: int, data_batch: Any) -> None:
        runner = self.runner
        runner.call_hook('before_train_iter', batch_idx=index, data_batch=data_batch)
        outputs = runner.model.train_step(data_batch, optim_wrapper=runner.optim_wrapper)
        self._step_taken = True
        runner.call_hook(
            'after_train_iter', batch_idx=index, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1
        self._step_taken = False

    def _end_epoch(self) -> None:
        self._epoch_schedules = self._steps(by_epoch=True)
        self.runner.call_hook('after_train_epoch')
        self._epoch_schedules = None

    def _validation_is_due(self) -> bool:
        raise NotImplementedError

    def _validate(self) -> None:
        self.validation_pending = True
        state = rng_state()
        try:
            self.runner.val_loop.run()
        except _ValidationStoppedError:
            set_rng_state(state)
            self._stop(self.runner.signals.noted)
        except Exception:
            set_rng_state(state)
            raise
        self.validation_pending = False

    def _stop_if_asked(self) -> None:
        number = self.runner.signals.agreed()
        if number:
            self._stop(number)

    def _stop(self, number: int) -> None:
        path = self.runner.save_interrupted(self.position())
        raise Interrupted(number, f'{path} holds the state of this moment; --resume goes on')

    @contextmanager
    def _rescued(self) -> Iterator[None]:
        """Save the state when something fails that has nothing to do with the state."""
        self._begin = (self._epoch, self._iter)
        try:
            with self.runner.signals.watching():
                yield
        except (TrainingDivergedError, CheckpointError):
            raise
        except Exception:
            self._settle()
            if (self._epoch, self._iter) != self._begin:
                self.runner.rescue(self.position())
            raise

    def _settle(self) -> None:
        """Count what was done when a hook failed in the middle of ending a step or an epoch."""
        if self._step_taken:
            self._step_taken = False
            self._iter += 1
            for scheduler in each_scheduler(self.runner.param_schedulers):
                if not scheduler.by_epoch and scheduler._global_step < self._iter:
                    scheduler.step()
            self.validation_pending = self._validation_is_due()
        if self._epoch_schedules is not None and (
            self._epoch_schedules != self._steps(by_epoch=True)
            or self.runner.saved_position == (self._epoch + 1, self._iter)
        ):
            self._epoch += 1
            self.validation_pending = self._validation_is_due()
        self._epoch_schedules = None

    def _steps(self, *, by_epoch: bool) -> list[int]:
        schedulers = each_scheduler(self.runner.param_schedulers)
        return [s._global_step for s in schedulers if s.by_epoch == by_epoch]


class StoppableEpochLoop(_Stoppable, EpochBasedTrainLoop):
    """Trains by epochs; goes on in the middle of one."""

    def run(self) -> torch.nn.Module:
        """Train to the end; the network."""
        with self._rescued():
            self.runner.call_hook('before_train')
            if self.validation_pending and self.runner.val_loop is not None:
                self._validate()
            while self._epoch < self._max_epochs and not self.stop_training:
                self.run_epoch()
                self._decide_current_val_interval()
                if self._validation_is_due():
                    self._validate()
            self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train for the rest of an epoch."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start = self._iter - self._epoch * len(self.dataloader)
        with closing(batches_from(self.dataloader, start)) as batches:
            for index, data_batch in enumerate(batches, start):
                self.run_iter(index, data_batch)
                self._stop_if_asked()
        self._end_epoch()
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Take one step."""
        self._take_step(idx, data_batch)

    def _validation_is_due(self) -> bool:
        at_end = self._epoch == self._max_epochs
        return (
            self.runner.val_loop is not None
            and self._epoch >= self.val_begin
            and self._iter == self._epoch * len(self.dataloader)
            and (self._epoch % self.val_interval == 0 or at_end)
        )


class StoppableIterLoop(_Stoppable, IterBasedTrainLoop):
    """Trains by iterations."""

    def run(self) -> torch.nn.Module:
        """Train to the end; the network."""
        with self._rescued(), closing(self):
            self.runner.call_hook('before_train')
            self.runner.call_hook('before_train_epoch')
            self._skip_done()
            if self.validation_pending and self.runner.val_loop is not None:
                self._validate()
            while self._iter < self._max_iters and not self.stop_training:
                self.runner.model.train()
                self.run_iter(next(self.dataloader_iterator))
                self._decide_current_val_interval()
                self.validation_pending = self._validation_is_due()
                self._stop_if_asked()
                if self.validation_pending:
                    self._validate()
            self.runner.call_hook('after_train_epoch')
            self.runner.call_hook('after_train')
        return self.runner.model

    def run_iter(self, data_batch: Any) -> None:
        """Take one step."""
        self._take_step(self._iter, data_batch)

    def close(self) -> None:
        """End the workers of the endless stream of batches."""
        close_workers(getattr(self.dataloader_iterator, '_iterator', None))

    def _skip_done(self) -> None:
        """Leave out the batches that have been trained on."""
        if not self._iter or getattr(self, 'fast_forward_on_resume', False):
            return
        if hasattr(self.dataloader_iterator, 'skip_iter'):  # does not load them
            self.dataloader_iterator.skip_iter(self._iter)
        else:
            for _ in range(self._iter):
                next(self.dataloader_iterator)

    def _validation_is_due(self) -> bool:
        return (
            self.runner.val_loop is not None
            and self._iter >= self.val_begin
            and (self._iter % self.val_interval == 0 or self._iter == self._max_iters)
        )


class StoppableValLoop(ValLoop):
    """Validates; a signal ends it after any batch.

    Several processes go on to the end of the validation: one of them may have fewer batches, and
    wait for the others already.
    """

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Predict one batch."""
        with evaluating_in(self):
            super().run_iter(idx, data_batch)
        signals = self.runner.signals
        if signals.alone and signals.noted:
            raise _ValidationStoppedError


class PreciseTestLoop(TestLoop):
    """Tests in the precision that the runner evaluates in."""

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Predict one batch."""
        with torch.inference_mode(), evaluating_in(self):
            super().run_iter(idx, data_batch)


class _Rest(Sampler):
    """All but the first samples of a sampler; as long as the whole, since an epoch is."""

    def __init__(self, whole: Sampler, skipped: int) -> None:
        self._whole = whole
        self._skipped = skipped

    def __iter__(self) -> Iterator[Any]:
        indices = iter(self._whole)
        for _ in zip(range(self._skipped), indices, strict=False):
            pass
        yield from indices

    def __len__(self) -> int:
        return len(self._whole)


def batches_from(loader: DataLoader, start: int) -> Iterator[Any]:
    """The batches of an epoch from one on.

    Those before are not loaded, unless the loader has a batch sampler of its own.
    """
    if start >= len(loader):
        return
    batch_sampler = loader.batch_sampler
    whole, skipped = getattr(batch_sampler, 'sampler', None), start
    if start and type(batch_sampler) is BatchSampler:
        batch_sampler.sampler = _Rest(whole, start * batch_sampler.batch_size)
        skipped = 0
    iterator = iter(loader)
    try:
        yield from islice(iterator, skipped, None)
    finally:
        if start and type(batch_sampler) is BatchSampler:
            batch_sampler.sampler = whole
        if not loader.persistent_workers:
            close_workers(iterator)


def with_type(loop: dict, evaluation: type[ValLoop | TestLoop] | None = None) -> dict:
    """The config of a loop, with this module's class where mmengine's would be taken.

    Args:
        loop: The config.
        evaluation: Class of this module, for the loop of a validation or test.
    """
    kinds = {'EpochBasedTrainLoop': StoppableEpochLoop, 'IterBasedTrainLoop': StoppableIterLoop}
    loop = dict(loop)
    if evaluation is not None:
        if loop.get('type', evaluation.__base__.__name__) == evaluation.__base__.__name__:
            loop['type'] = evaluation
    elif 'type' not in loop:
        by_epoch = loop.pop('by_epoch', False)
        loop['type'] = StoppableEpochLoop if by_epoch else StoppableIterLoop
    elif isinstance(loop['type'], str):
        loop['type'] = kinds.get(loop['type'].split('.')[-1], loop['type'])
    return loop


def check_steps(loop: Any) -> None:
    """Refuse a training that takes no step.

    Raises:
        ConfigError: Its length is 0, or an epoch has no batch.
    """
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    key, limit = ('epochs', loop.max_epochs) if by_epoch else ('iters', loop.max_iters)
    if limit < 1:
        raise ConfigError(f'train_cfg.max_{key}={limit}: the training would take no step')
    loader = loop.dataloader
    if by_epoch and not len(loader):
        raise ConfigError(
            f'train_dataloader: 0 steps in an epoch: {len(loader.dataset)} clips in batches of '
            f'{loader.batch_size}, drop_last={loader.drop_last}; lower batch_size, or set '
            'drop_last=False'
        )
