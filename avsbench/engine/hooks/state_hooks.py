"""The state of a run: its random generators in each epoch, its buffers at each validation."""

import hashlib
from typing import Any

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from avsbench.engine.training_state import rng_state, set_rng_state
from avsbench.registry import HOOKS


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Seed the samples by epoch, and keep validation from moving the generators.

    In a training by epochs, `SeededDataset` makes each sample with random numbers that depend on
    the run's seed, the epoch and the sample alone. In one by iterations the same holds with
    `SeededInfiniteSampler`; with another sampler, the loader's workers are seeded with the
    iteration that a run begins with. Validation leaves no trace in the generators, so a training
    does not depend on how often it validates.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._before_val: dict[str, Any] | None = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed the loader for the epoch, or for the rest of a training by iterations."""
        loader = runner.train_loop.dataloader
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            loader.dataset.set_epoch(runner.epoch)
        text = f'{runner.seed} {runner.epoch} {runner.iter} {runner.rank}'
        digest = hashlib.sha256(text.encode()).digest()
        loader.generator.manual_seed(int.from_bytes(digest[:7], 'big'))

    def before_val(self, runner: Runner) -> None:
        """Keep the state of the generators."""
        self._before_val = rng_state()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Restore it, before the best checkpoint is saved with it."""
        set_rng_state(self._before_val)


@HOOKS.register_module()
class BroadcastBuffersHook(Hook):
    """Give all processes the buffers of the first one before a validation.

    Each process keeps its batch norm statistics while it trains, but the checkpoint holds
    those of the first: the score must be that of the network that is saved.
    """

    priority = 'VERY_HIGH'

    def before_val_epoch(self, runner: Runner) -> None:
        """Send the buffers; nothing to do in a single process."""
        if runner.distributed:
            for buffer in runner.model.buffers():
                broadcast(buffer, src=0)
