"""Random numbers of a training: new ones in every epoch, the same ones after a resume."""

import hashlib
from typing import Any

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
    does not depend on how often it is interrupted by one.
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
        """Remember the generators."""
        self._before_val = rng_state()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Put them back, before the best checkpoint is saved with their state."""
        set_rng_state(self._before_val)
