"""The part of the runner that writes checkpoints."""

import json
import time
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.dist import all_gather_object, barrier, is_main_process
from mmengine.fileio import join_path
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from avsbench.checkpoint.loading import nonfinite_keys
from avsbench.engine.checkpoint_files import save_atomically
from avsbench.engine.explaining_runner import ExplainingRunner
from avsbench.engine.optimizer_state import parameter_names, pending_gradients
from avsbench.engine.settings import settings_of
from avsbench.engine.training_state import (
    gather_rng_states,
    pack_message_hub,
    rng_state,
    scheduler_states,
    to_plain,
)
from avsbench.engine.work_dir import INTERRUPTED
from avsbench.reproduction.bundle import config_data
from avsbench.utils.errors import AVSBenchError, CheckpointError, ConfigError
from avsbench.version import __version__


class SavingRunner(ExplainingRunner):
    """Saves checkpoints of plain data, atomically, with all that a training depends on.

    Attributes:
        saved_position: Epochs and iterations that were done at the last checkpoint, or None.
    """

    saved_position: tuple[int, int] | None = None
    _saved_state: dict[str, Any] | None = None  # of all processes, at that position
    _validated: tuple[int, dict[str, float]] | None = None  # iteration, metrics

    @property
    def bare_model(self) -> nn.Module:
        """The network without the wrapper for several processes."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint says about itself: decode head, subset, number of classes."""
        head = self.cfg.get('model', {}).get('decode_head', {})
        kind = head.get('type')
        return {
            'head': kind if isinstance(kind, str | None) else kind.__name__,
            'subset': self.cfg.get('subset'),
            'num_classes': head.get('num_classes', self.cfg.get('num_classes')),
        }

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call all hooks; the metrics of a validation go into a checkpoint of the same weights."""
        if fn_name == 'after_val_epoch':
            numbers = {k: v for k, v in kwargs['metrics'].items() if isinstance(v, int | float)}
            self._validated = (self.iter, numbers)
        super().call_hook(fn_name, **kwargs)

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Save a checkpoint of plain data, atomically; every process must call it.

        Args:
            out_dir: Directory.
            filename: Name in it.
            file_client_args: Only None: checkpoints are local files.
            save_optimizer: With the state of the optimizer and the random generators.
            save_param_scheduler: With the state of the schedules.
            meta: Further entries; `epoch` and `iter` count what is done.
            by_epoch: Without `meta`, whether an epoch or an iteration has just ended.
            backend_args: Only None: checkpoints are local files.

        Raises:
            ConfigError: A remote storage was asked for.
            CheckpointError: The weights hold NaN or infinite values, or the file can't be written.
        """
        if file_client_args is not None or backend_args is not None:
            raise ConfigError(
                'checkpoints are saved as local files: remove file_client_args and backend_args '
                'from the checkpoint hook'
            )
        rng_states = gather_rng_states()
        gradients = pending_gradients(self.optim_wrapper, self.bare_model)
        pending = all_gather_object(gradients) if gradients is not None else None
        meta = dict(meta or {})
        meta.setdefault('epoch', self.epoch + by_epoch)
        meta.setdefault('iter', self.iter + (not by_epoch))
        state = {'rng_states': rng_states, 'gradients': pending}
        if is_main_process():
            path = join_path(out_dir, filename)
            self._write(path, meta, state if save_optimizer else {}, save_param_scheduler)
        if save_optimizer:
            self.saved_position = (meta['epoch'], meta['iter'])
            self._saved_state = state

    def save_interrupted(self, meta: dict[str, Any]) -> str:
        """Save the state between two checkpoints; every process must call it.

        Returns:
            Path of the file, from which `--resume` goes on.
        """
        self.save_checkpoint(self.work_dir, INTERRUPTED, meta=meta)
        barrier()  # a process that ends before the file is written would end this one as well
        return join_path(self.work_dir, INTERRUPTED)

    def rescue(self, meta: dict[str, Any]) -> None:
        """Save the state in the main process alone, after an error, if that is possible."""
        is_saved = self.saved_position == (meta['epoch'], meta['iter'])
        state = self._saved_state
        if not is_main_process() or (is_saved and not meta.get('validation_pending')):
            return
        path = join_path(self.work_dir, INTERRUPTED)
        try:
            if not is_saved:  # of this process alone: the others can't be asked
                gradients = pending_gradients(self.optim_wrapper, self.bare_model)
                pending = None if gradients is None else [gradients]
                state = {'rng_states': [rng_state()], 'gradients': pending}
            self._write(path, meta, state, True)
        except (AVSBenchError, OSError) as error:
            self.logger.warning(f'the state of this moment could not be saved: {error}')
        else:
            self.logger.warning(
                f'an error ends the training; {path} holds the state of this moment (epoch '
                f'{meta["epoch"]}, iteration {meta["iter"]}), --resume goes on from it'
            )

    def _write(
        self, path: str, meta: dict[str, Any], state: dict[str, Any], schedules: bool
    ) -> None:
        """Write a checkpoint from this process; `state` is empty for one of weights alone."""
        weights = {key: value.cpu() for key, value in self.bare_model.state_dict().items()}
        bad = nonfinite_keys(weights)
        if bad:
            raise CheckpointError(
                f'{path}: not saved: {len(bad)} weights are NaN or infinite, the first {bad[0]!r}. '
                'The training diverged; lower the learning rate and --resume from the last file'
            )
        checkpoint = {
            'meta': to_plain({**meta, **self._meta(), **self._metrics(meta['iter'])}, 'meta'),
            'state_dict': weights,
            'message_hub': pack_message_hub(self.message_hub.state_dict()),
        }
        if state:
            checkpoint['optimizer'] = to_plain(self.optim_wrapper.state_dict(), 'optimizer')
            checkpoint |= {key: value for key, value in state.items() if value is not None}
        if schedules and self.param_schedulers is not None:
            states = scheduler_states(self.param_schedulers)
            checkpoint['param_schedulers'] = to_plain(states, 'param_schedulers')
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        save_atomically(checkpoint, path)

    def _meta(self) -> dict[str, Any]:
        loader = self.train_loop.dataloader
        meta = {
            **self.identity,
            'avsbench_version': __version__,
            'mmengine_version': mmengine.__version__,
            'torch_version': torch.__version__,
            'config_file': Path(self.cfg.filename).name if self.cfg.filename else None,
            'seed': self.seed,
            'num_processes': self.world_size,
            'batch_size': loader.batch_size,
            'num_samples': len(loader.dataset),
            'epoch_length': len(loader),
            'by_epoch': isinstance(self.train_loop, EpochBasedTrainLoop),
            'config': self._config_text(),
            'settings': self._settings(),
            'optimized': parameter_names(self.optim_wrapper, self.bare_model),
            'saved_at': time.time(),
        }
        if hasattr(loader.dataset, 'metainfo'):
            meta['dataset_meta'] = loader.dataset.metainfo
        if hasattr(loader.dataset, 'synthetic'):
            meta['synthetic'] = loader.dataset.synthetic
        return meta

    def _metrics(self, iteration: int) -> dict[str, Any]:
        """The metrics of the validation after this iteration, if there was one."""
        if self._validated is None or self._validated[0] != iteration:
            return {}
        return {'metrics': self._validated[1]}

    def _config_text(self) -> str | None:
        """The config as json; None where it holds more than data, which the bundle's hook says."""
        try:
            return json.dumps(config_data(self.cfg))
        except ConfigError:
            return None

    def _settings(self) -> dict[str, Any]:
        """What a resumed training must have in common with this one, or be allowed to change."""
        return settings_of(self.cfg) | {
            'randomness.seed': self.seed,
            'num_processes': self.world_size,
            'num_samples': len(self.train_loop.dataloader.dataset),
        }
