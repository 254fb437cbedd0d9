"""mmengine's runner, made safe to interrupt, to resume, and to run on files from elsewhere.

What differs from mmengine 0.10/0.11:

* checkpoints are read by `avsbench.checkpoint.loading`: strictly, and without running what they
  contain; a config stored in one is never evaluated;
* checkpoints are plain data, written atomically, with the state of the random generators, so that
  a resumed run equals an uninterrupted one bit for bit;
* the newest whole checkpoint of the work dir is resumed from, wherever that dir has been moved;
* several processes also run on the CPU (gloo).
"""

import inspect
import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.fileio import join_path
from mmengine.model import MMDistributedDataParallel, convert_sync_batchnorm, is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from avsbench.checkpoint.loading import LAYOUT, fill_model, nonfinite_keys, translate
from avsbench.checkpoint.reading import read_checkpoint
from avsbench.config.schema import DATALOADERS
from avsbench.engine.checkpoint_files import newest_checkpoint, save_atomically
from avsbench.engine.explaining_runner import ExplainingRunner, names_part
from avsbench.engine.seeded_dataset import SeededDataset
from avsbench.engine.training_state import (
    gather_rng_states,
    load_scheduler_states,
    pack_message_hub,
    restore_rng_state,
    scheduler_states,
    to_plain,
    unpack_message_hub,
)
from avsbench.processes.group import init_distributed
from avsbench.registry import RUNNERS
from avsbench.utils.errors import CheckpointError, ConfigError
from avsbench.version import __version__


@RUNNERS.register_module()
class AVSRunner(ExplainingRunner):
    """Runner of the toolbox; it is built from a config as mmengine's is.

    Besides mmengine's keys, it reads two that only a command sets, `trust_checkpoint` (read
    checkpoints without restriction) and `any_subset` (accept weights of another subset), and
    `trained_on`, the subset of the weights where that is not the config's own.

    Attributes:
        loaded_checkpoint: Path of the checkpoint that was loaded or resumed from, or None.
    """

    loaded_checkpoint: str | None = None

    def setup_env(self, env_cfg: dict) -> None:
        """Join the process group, then let mmengine do the rest."""
        init_distributed(self._launcher, **env_cfg.get('dist_cfg', {}))
        super().setup_env(env_cfg)

    @names_part(*DATALOADERS)
    def build_dataloader(
        self, dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a loader that leaves the global random generators alone.

        Its workers are seeded from the loader's generator, its samples by `RandomStateHook`.
        """
        if isinstance(dataloader, DataLoader):
            return dataloader
        if seed is not None:
            wrapped = dict(type=SeededDataset, dataset=dataloader['dataset'], seed=seed)
            dataloader = {**dataloader, 'dataset': wrapped}
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        if 'worker_init_fn' not in dataloader:
            # PyTorch seeds Python, numpy and torch in each worker, differently in every epoch.
            loader.worker_init_fn = None
        loader.generator = torch.Generator()
        return loader

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for several processes, on GPUs or on the CPU.

        Parameters that take no part in a step (a frozen backbone, frames without annotation) are
        looked for in every step. Buffers are not sent in every step, see `BroadcastBuffersHook`.
        """
        if not self.distributed or model_wrapper_cfg is not None or is_model_wrapper(model):
            return super().wrap_model(model_wrapper_cfg, model)
        on_gpu = torch.cuda.is_available()
        model = model.to('cuda' if on_gpu else 'cpu')
        if self.cfg.get('sync_bn') is not None:
            model = convert_sync_batchnorm(model, self.cfg.sync_bn)
        known = inspect.signature(DistributedDataParallel.__init__).parameters
        renamed = 'forward_sync_buffers' in known  # PyTorch 2.15
        return MMDistributedDataParallel(
            module=model,
            device_ids=[torch.cuda.current_device()] if on_gpu else None,
            **{'forward_sync_buffers' if renamed else 'broadcast_buffers': False},
            find_unused_parameters=self.cfg.get('find_unused_parameters', True),
        )

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

    def get_hooks_info(self) -> str:
        """The hooks by priority, for the log; mmengine's list by stage is a hundred lines long."""
        return ', '.join(type(hook).__name__ for hook in self.hooks)

    @names_part('optim_wrapper')
    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer; log its settings once each, not three lines per parameter."""
        if isinstance(optim_wrapper, OptimWrapper):
            return optim_wrapper
        level = self.logger.level
        self.logger.setLevel(max(level, logging.WARNING))
        try:
            built = super().build_optim_wrapper(optim_wrapper)
        finally:
            self.logger.setLevel(level)
        named = built if isinstance(built, OptimWrapperDict) else {'': built}
        for name, wrapper in named.items():
            counts: Counter[str] = Counter()
            for group in wrapper.optimizer.param_groups:
                setting = f'lr {group["lr"]:g}, weight decay {group.get("weight_decay", 0):g}'
                counts[setting] += sum(parameter.numel() for parameter in group['params'])
            for setting, size in counts.items():
                label = f'optimizer {name}'.strip()
                self.logger.info(f'{label}: {size / 1e6:.3f} M parameters with {setting}')
        return built

    def train(self) -> nn.Module:
        """Train, if the config says how.

        Raises:
            ConfigError: It only tests.
        """
        if self._train_loop is None:
            trained_on = self.cfg.get('trained_on')
            other = '' if trained_on is None else f', such as one below config/{trained_on}/'
            raise ConfigError(
                f'{self.cfg.filename}: has no train_dataloader, train_cfg and optim_wrapper, it '
                f'only tests; train another config{other}, and test its checkpoint with this one'
            )
        return super().train()

    def load_or_resume(self) -> None:
        """Load `load_from`, or resume: from it, or else from the newest checkpoint there is."""
        if self._has_loaded:
            return
        if not self._resume:
            if self._load_from is not None:
                self.load_checkpoint(self._load_from)
            return
        path = self._load_from or self._newest()
        if path is None:
            self.logger.info(f'no checkpoint to resume from in {self.work_dir}: starting fresh')
            return
        self.resume(path)
        done = self.train_loop.iter >= self.train_loop.max_iters
        if done or self.train_loop.epoch >= self.train_loop.max_epochs > 1:
            by_epoch = isinstance(self.train_loop, EpochBasedTrainLoop)
            limit = 'max_epochs' if by_epoch else 'max_iters'
            self.logger.info(
                f'nothing to do: {path} is the end of the training (epoch {self.epoch}, iteration '
                f'{self.iter}); raise train_cfg.{limit} to go on'
            )

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
        checkpoint = self.load_checkpoint(filename)
        needed = {'meta', 'optimizer', 'message_hub', 'rng_states'}
        if not needed <= set(checkpoint):
            raise CheckpointError(
                f'{filename}: holds weights but no {", ".join(sorted(needed - set(checkpoint)))}, '
                'so a training can not go on from it; use an epoch_*.pth of this toolbox, or '
                '--cfg-options load_from=... to start a new training from its weights'
            )
        meta = checkpoint['meta']
        self._note_changes(filename, meta)
        self.train_loop._epoch, self.train_loop._iter = meta['epoch'], meta['iter']
        if meta['seed'] != self.seed:
            self._take_seed(meta['seed'])
        self.message_hub.load_state_dict(unpack_message_hub(checkpoint['message_hub']))
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        if self.param_schedulers is not None and 'param_schedulers' in checkpoint:
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
            load_scheduler_states(self.param_schedulers, checkpoint['param_schedulers'])
        if not restore_rng_state(checkpoint['rng_states']):
            self.logger.warning(
                f'{filename} was saved by {len(checkpoint["rng_states"])} processes, this is '
                f'process {self.rank}: its random numbers start anew'
            )
        self.logger.info(f'resumed {filename}: epoch {self.epoch}, iteration {self.iter}')

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
        if not is_main_process():
            return
        meta = dict(meta or {})
        meta.setdefault('epoch', self.epoch + by_epoch)
        meta.setdefault('iter', self.iter + (not by_epoch))
        meta.update(self._meta())
        weights = {key: value.cpu() for key, value in self.bare_model.state_dict().items()}
        path = join_path(out_dir, filename)
        bad = nonfinite_keys(weights)
        if bad:
            raise CheckpointError(
                f'{path}: not saved: {len(bad)} weights are NaN or infinite, the first {bad[0]!r}. '
                'The training diverged; lower the learning rate and --resume from the last file'
            )
        checkpoint = {
            'meta': to_plain(meta, 'meta'),
            'state_dict': weights,
            'message_hub': pack_message_hub(self.message_hub.state_dict()),
        }
        if save_optimizer:
            checkpoint['optimizer'] = to_plain(self.optim_wrapper.state_dict(), 'optimizer')
            checkpoint['rng_states'] = rng_states
        if save_param_scheduler and self.param_schedulers is not None:
            states = scheduler_states(self.param_schedulers)
            checkpoint['param_schedulers'] = to_plain(states, 'param_schedulers')
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        save_atomically(checkpoint, path)

    def dump_config(self) -> None:
        """Nothing: `ReportHook` writes the resolved config, under one name, beside the results."""

    def _newest(self) -> str | None:
        """The newest checkpoint of the work dir, as the main process sees it."""
        found: list[Any] = [None]
        if is_main_process():
            path, remarks = newest_checkpoint(self.work_dir)
            for remark in remarks:
                self.logger.warning(f'ignored: {remark}')
            found = [None if path is None else str(path)]
        broadcast_object_list(found)
        return found[0]

    def _take_seed(self, seed: int) -> None:
        """Go on with the seed of a checkpoint, also in the loader that is built already."""
        self._randomness_cfg.update(seed=seed)
        self.set_randomness(**self._randomness_cfg)
        loader = self.train_loop.dataloader
        loader.dataset.seed = seed
        if hasattr(loader.sampler, 'seed'):
            loader.sampler.seed = seed

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
            'saved_at': time.time(),
        }
        if hasattr(loader.dataset, 'metainfo'):
            meta['dataset_meta'] = loader.dataset.metainfo
        return meta

    def _note_changes(self, filename: str, meta: dict) -> None:
        """Log what a resumed run does differently from the one that saved the checkpoint."""
        current = self._meta()
        for key in ('seed', 'num_processes', 'batch_size', 'num_samples'):
            if meta.get(key) != current[key]:
                kept = ' (the one of the checkpoint is used)' if key == 'seed' else ''
                self.logger.warning(
                    f'{filename} was saved with {key} {meta.get(key)}, this run has '
                    f'{current[key]}{kept}'
                )
