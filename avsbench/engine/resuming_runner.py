"""The part of the runner that reads checkpoints."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import EpochBasedTrainLoop

from avsbench.checkpoint.loading import LAYOUT, fill_model, translate
from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.checkpoint.reading import read_checkpoint
from avsbench.engine.checkpoint_files import newest_checkpoint
from avsbench.engine.optimizer_state import load_optimizer, restore_gradients
from avsbench.engine.resuming import (
    changes_rates,
    place_to_go_on,
    replay_schedules,
    saved_settings,
)
from avsbench.engine.saving_runner import SavingRunner
from avsbench.engine.settings import Change, changes, check_changes
from avsbench.engine.training_state import (
    load_scheduler_states,
    restore_rng_state,
    unpack_message_hub,
)
from avsbench.engine.work_dir import remove_training
from avsbench.processes.agreement import on_main_process
from avsbench.utils.errors import CheckpointError, examples


class ResumingRunner(SavingRunner):
    """Loads weights and goes on from checkpoints; never with other settings in silence.

    Attributes:
        loaded_checkpoint: Path of the checkpoint that was loaded or resumed from, or None.
        loaded_meta: What that checkpoint says of itself.
    """

    loaded_checkpoint: str | None = None
    loaded_meta: Mapping[str, Any] = MappingProxyType({})
    _replaces_training = False

    def load_or_resume(self) -> None:
        """Load `load_from`, or resume: from it, or else from the newest checkpoint there is."""
        if self._has_loaded:
            return
        path = self._start
        if self._resume and path is not None:
            self.resume(path)
            self._note_end(path)
        elif path is not None:
            self.load_checkpoint(path)
        elif self._resume:
            self.logger.info(f'no checkpoint to resume from in {self.work_dir}: starting fresh')
        if self._replaces_training and is_main_process():
            remove_training(self.work_dir)
        self._replaces_training = False

    @cached_property
    def _start(self) -> str | None:
        """The checkpoint that the training starts from or goes on from."""
        return self._load_from or (self._newest() if self._resume else None)

    def _init_model_weights(self) -> None:
        """Initialise the weights; a checkpoint brings all of them, so no other file is needed."""
        if self._start is not None:
            for part in self.bare_model.modules():
                if isinstance(part, PretrainedPart):
                    part.checkpoint_follows = True
        super()._init_model_weights()

    def load_checkpoint(self, filename: str) -> dict:
        """Load weights: every key, or an error.

        Returns:
            The checkpoint.

        Raises:
            CheckpointError: See `avsbench.checkpoint.loading.load_weights`.
        """
        expected = self.identity | {'subset': self.cfg.get('trained_on', self.cfg.get('subset'))}
        if self.cfg.get('any_subset', False):
            expected.pop('subset')
        checkpoint = translate(
            read_checkpoint(filename, trust=self.cfg.get('trust_checkpoint', False)),
            self.bare_model,
            source=filename,
            expected=expected,
        )
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        fill_model(self.bare_model, checkpoint, source=filename)
        meta = checkpoint['meta']
        self._has_loaded = True
        self.loaded_checkpoint = str(Path(filename).absolute())
        self.loaded_meta = meta
        if meta['layout'] != LAYOUT:
            dropped = f', {len(meta["dropped"])} unused keys left out' if meta['dropped'] else ''
            self.logger.info(f'{filename}: published {meta["layout"]} weights{dropped}')
        self.logger.info(f'loaded {filename}')
        return checkpoint

    def resume(self, filename: str) -> None:
        """Go on from a training checkpoint: weights, optimizer, schedules, log, random generators.

        Raises:
            CheckpointError: Not loadable, or it holds weights only.
        """
        found = self._changes(filename)
        checkpoint = self.load_checkpoint(filename)
        needed = {'meta', 'optimizer', 'message_hub', 'rng_states'}
        if not needed <= set(checkpoint):
            raise CheckpointError(
                f'{filename}: holds weights but no {", ".join(sorted(needed - set(checkpoint)))}, '
                'so a training can not go on from it; use an epoch_*.pth of this toolbox, or '
                '--cfg-options load_from=... to start a new training from its weights'
            )
        meta, loop = checkpoint['meta'], self.train_loop
        loop._epoch, loop._iter = place_to_go_on(meta, loop)
        loop.validation_pending = meta.get('validation_pending', False)
        new_seed = any(change.key == 'randomness.seed' for change in found)
        if not new_seed and meta['seed'] != self.seed:
            self._take_seed(meta['seed'])
        self.message_hub.load_state_dict(unpack_message_hub(checkpoint['message_hub']))
        self._resume_optimizer(filename, checkpoint, found)
        if not new_seed and not restore_rng_state(checkpoint['rng_states']):
            self.logger.warning(
                f'{filename} holds the random numbers of {len(checkpoint["rng_states"])} '
                f'processes, this is process {self.rank}: its random numbers start anew'
            )
        for change in found:
            self.logger.info(f'allowed change: {change}')
        self.logger.info(f'resumed {filename}: epoch {self.epoch}, iteration {self.iter}')

    def _changes(self, filename: str) -> list[Change]:
        """In what this training differs from that of a checkpoint, all of it allowed."""
        checkpoint = read_checkpoint(
            filename, trust=self.cfg.get('trust_checkpoint', False), mmap=True
        )
        meta = checkpoint.get('meta')
        if not isinstance(meta, dict) or 'optimizer' not in checkpoint:
            return []  # nothing to go on from, as will be said
        then, now = saved_settings(meta), self._settings()
        # A run without a seed goes on with that of the checkpoint.
        now['randomness.seed'] = self._randomness_cfg.get('seed')
        if now['randomness.seed'] is None:
            now['randomness.seed'] = then.get('randomness.seed')
        if 'settings' not in meta:
            self.logger.warning(
                f'{filename}: saved before checkpoints kept their settings: optimizer and '
                'schedules go on as they were, whatever the config says now'
            )
            now = {key: value for key, value in now.items() if key in then}
        found = changes(then, now, self.cfg)
        check_changes(filename, found, self.cfg.get('allow_changes') or ())
        return found

    def _resume_optimizer(self, filename: str, checkpoint: dict, found: list[Change]) -> None:
        """Load optimizer and schedules, or bring those of the config to where the training is."""
        as_configured = changes_rates(found)
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        if any(change.key == 'optim_wrapper.optimizer.type' for change in found):
            self.logger.warning('another optimizer: it starts without a state')
        else:
            fresh = load_optimizer(
                self.optim_wrapper,
                checkpoint['optimizer'],
                self.bare_model,
                checkpoint['meta'].get('optimized'),
                source=filename,
                as_configured=as_configured,
            )
            if fresh:
                self.logger.warning(f'the optimizer has no state for {examples(fresh)}')
        if self.param_schedulers is not None:
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
        if as_configured:
            by_epoch = isinstance(self.train_loop, EpochBasedTrainLoop)
            replay_schedules(
                self.param_schedulers,
                self.hooks,
                epochs=self.epoch,
                iterations=self.iter,
                epoch_length=len(self.train_loop.dataloader) if by_epoch else None,
            )
        elif self.param_schedulers is not None and 'param_schedulers' in checkpoint:
            load_scheduler_states(self.param_schedulers, checkpoint['param_schedulers'])
        gradients = checkpoint.get('gradients') or []
        if self.rank < len(gradients) and not as_configured:
            restore_gradients(self.bare_model, gradients[self.rank])

    def _note_end(self, path: str) -> None:
        """Say that a training is at its end already, or that its rates are."""
        loop = self.train_loop
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        limit = 'max_epochs' if by_epoch else 'max_iters'
        if loop.epoch >= loop.max_epochs if by_epoch else loop.iter >= loop.max_iters:
            what = 'only a validation is left' if loop.validation_pending else 'nothing to do'
            self.logger.info(
                f'{what}: {path} is the end of the training (epoch {self.epoch}, iteration '
                f'{self.iter}); to go on, raise train_cfg.{limit}, with param_scheduler if that '
                f'ends before, and --allow-changes train_cfg.{limit} param_scheduler'
            )
        elif all(group['lr'] == 0 for group in self.optim_wrapper.param_groups):
            self.logger.warning(
                f'{path}: the learning rate is 0 here, since its schedule has come to an end: '
                'what is left may change nothing; raise param_scheduler.*.end as well'
            )

    def _newest(self) -> str | None:
        """The newest checkpoint of the work dir, as the main process sees it."""
        path, remarks = on_main_process(lambda: newest_checkpoint(self.work_dir))
        for remark in remarks:
            self.logger.warning(f'ignored: {remark}')
        return None if path is None else str(path)

    def _take_seed(self, seed: int) -> None:
        """Go on with the seed of a checkpoint, also in the loader that is built already."""
        self._randomness_cfg.update(seed=seed)
        self.set_randomness(**self._randomness_cfg)
        loader = self.train_loop.dataloader
        loader.dataset.seed = seed
        if hasattr(loader.sampler, 'seed'):
            loader.sampler.seed = seed
