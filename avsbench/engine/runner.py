"""mmengine's runner, made safe to interrupt, to resume, and to run on files from elsewhere.

What differs from mmengine 0.10/0.11:

* checkpoints are read by `avsbench.checkpoint.loading`: strictly, and without running what they
  contain; a config stored in one is never evaluated;
* checkpoints are plain data, written atomically, with the state of the random generators, so that
  a resumed run on the CPU equals an uninterrupted one bit for bit; on a GPU it does as far as the
  operators do, some of which add up in any order (see docs/training.md);
* the newest whole checkpoint of the work dir is resumed from, wherever that dir has been moved;
* several processes also run on the CPU (gloo).
"""

import inspect
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import MMDistributedDataParallel, convert_sync_batchnorm, is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from avsbench.config.schema import DATALOADERS
from avsbench.config.values import check_loops
from avsbench.engine.amp import set_tf32
from avsbench.engine.compiling import (
    CompileHook,
    compile_settings,
    compile_trouble,
    compiled_parts,
)
from avsbench.engine.console import log_to_file, quiet_console, release_warnings
from avsbench.engine.explaining_runner import names_part
from avsbench.engine.first_screen import VERBS, first_screen
from avsbench.engine.loaders import (
    init_worker,
    watched_loaders,
    with_fitting_workers,
    with_timeout,
)
from avsbench.engine.loops import PreciseTestLoop, StoppableValLoop, check_steps, with_type
from avsbench.engine.memory import batch_named
from avsbench.engine.param_groups import merge_groups
from avsbench.engine.resuming_runner import ResumingRunner
from avsbench.engine.seeded_dataset import SeededDataset
from avsbench.engine.work_dir import new_folder, training_in
from avsbench.processes.agreement import Highest, on_main_process
from avsbench.processes.group import init_distributed
from avsbench.processes.signals import SignalWatch
from avsbench.registry import RUNNERS
from avsbench.utils.checks import check_seed
from avsbench.utils.errors import ConfigError, examples
from avsbench.utils.folders import check_writable


@RUNNERS.register_module()
class AVSRunner(ResumingRunner):
    """Runner of the toolbox; it is built from a config as mmengine's is.

    Besides mmengine's keys, it reads some that only a command sets: `trust_checkpoint` (read
    checkpoints without restriction), `any_subset` (accept weights of another subset), `overwrite`
    (replace the training in the work dir) and `allow_changes` (keys of settings in which a resumed
    training may differ); and `trained_on`, the subset of the weights where that is not the
    config's own.

    Attributes:
        signals: Those that have come during the training.
        evaluation_amp: What validations and tests compute in: 'bf16', 'fp16' or 'off'.
    """

    _is_to_say = False  # what the run is
    # Of all runs of this process: mmengine finds a run's log, message hub and visualizer by its
    # name with the second of its start, and would give a second run of that second the first's.
    _timestamps: ClassVar[set[str]] = set()

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'AVSRunner':
        """Build the runner of a config; the work dir is tried first."""
        check_loops(cfg)
        check_writable(cfg['work_dir'], 'work dir', 'choose another with --work-dir')
        try:
            return super().from_cfg(cfg)
        except BaseException:
            release_warnings()  # they may tell why
            raise

    def setup_env(self, env_cfg: dict) -> None:
        """Join the process group, let mmengine do the rest, and make the folder of this run."""
        init_distributed(self._launcher, **env_cfg.get('dist_cfg', {}))
        super().setup_env(env_cfg)
        self.evaluation_amp = env_cfg.get('eval_amp', 'off')
        self._tf32 = env_cfg.get('tf32', False)
        set_tf32(self._tf32)
        self.signals = SignalWatch()
        self._timestamp = on_main_process(
            lambda: new_folder(self.work_dir, self._timestamp, taken=AVSRunner._timestamps)
        )
        AVSRunner._timestamps.add(self._timestamp)

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None) -> MMLogger:
        """Build the log: a file of everything, and a console of what is of use there."""
        logger = super().build_logger(log_level, log_file)
        quiet_console(logger)
        return logger

    def _log_env(self, env_cfg: dict) -> None:
        """Nothing: `ReportHook` writes env.json and config.py, instead of 200 lines of log."""

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call all hooks; before the first step of a run, say what it is."""
        super().call_hook(fn_name, **kwargs)
        loop = fn_name.removeprefix('before_')
        if self._is_to_say and loop in VERBS:
            self._is_to_say = False
            self.logger.info(first_screen(self, loop))
            release_warnings()

    def set_randomness(
        self, seed: int | None, diff_rank_seed: bool = False, deterministic: bool = False
    ) -> None:
        """Seed the generators; None draws a seed.

        Raises:
            ConfigError: No seed that all of them take.
        """
        check_seed('randomness.seed', seed, spare=self.world_size - 1 if diff_rank_seed else 0)
        super().set_randomness(seed, diff_rank_seed, deterministic)

    @names_part(*DATALOADERS)
    def build_dataloader(
        self, dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a loader that leaves the global random generators alone.

        Its workers are seeded from the loader's generator, its samples by `RandomStateHook`.
        """
        if isinstance(dataloader, DataLoader):
            return dataloader
        dataloader = with_timeout(with_fitting_workers(dataloader))
        # A GPU copies from pinned memory while the host goes on.
        dataloader = {'pin_memory': torch.cuda.is_available(), **dataloader}
        if seed is not None:
            wrapped = dict(
                type=SeededDataset,
                dataset=dataloader['dataset'],
                seed=seed,
                num_workers=dataloader.get('num_workers', 0),
            )
            dataloader = {**dataloader, 'dataset': wrapped}
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        self._check_classes(getattr(loader.dataset, 'metainfo', {}))
        # Without mmengine's: PyTorch seeds Python, numpy and torch in each worker, differently in
        # every epoch.
        own = loader.worker_init_fn if 'worker_init_fn' in dataloader else None
        loader.worker_init_fn = init_worker(own)
        loader.generator = torch.Generator()
        return loader

    def _check_classes(self, metainfo: Mapping[str, Any]) -> None:
        """Compare the classes of the data with those of the network, before a loss would fail."""
        count, names = self.identity['num_classes'], metainfo.get('classes')
        if count is None or not names or count == len(names) or (count, len(names)) == (1, 2):
            return
        expected = '1, or 2 with the background' if len(names) == 2 else str(len(names))
        raise ConfigError(
            f'the network has num_classes={count}, and the data of subset '
            f'{self.cfg.get("subset")!r} {len(names)} classes ({examples(names, 3)}): set '
            f'model.decode_head.num_classes to {expected}, or choose a config of that data set'
        )

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the model; an audio encoder with a cache keeps what it computes."""
        built = super().build_model(model)
        cache = getattr(getattr(built, 'audio_encoder', None), 'cache', None)
        if cache is not None:
            cache.keeps = True
        return built

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

    def get_hooks_info(self) -> str:
        """The hooks by priority, for the log; mmengine's list by stage is a hundred lines long."""
        return ', '.join(type(hook).__name__ for hook in self.hooks)

    @names_part('optim_wrapper')
    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer with a group of each setting, and log these."""
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
            merge_groups(wrapper.optimizer)
            counts: Counter[str] = Counter()
            for group in wrapper.optimizer.param_groups:
                setting = f'lr {group["lr"]:g}, weight decay {group.get("weight_decay", 0):g}'
                counts[setting] += sum(parameter.numel() for parameter in group['params'])
            for setting, size in counts.items():
                label = f'optimizer {name}'.strip()
                log_to_file(self.logger, f'{label}: {size / 1e6:.3f} M parameters with {setting}')
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
        with ExitStack() as stack:
            stack.enter_context(self._saying())
            remarks = on_main_process(lambda: self._take_work_dir(stack))
            for remark in remarks or ():
                self.logger.warning(remark)
            stack.enter_context(watched_loaders(self._loaders))
            self._train_loop = self.build_train_loop(self._train_loop)
            check_steps(self._train_loop)
            if self.world_size > 1:
                timeout = self.cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout', 1800)
                agreement = Highest(timeout)
                stack.callback(agreement.close)
                self.signals = SignalWatch(agreement)
            self._state_precision()
            stack.enter_context(batch_named(self, 'train_dataloader'))
            stack.enter_context(self._compiled())
            return super().train()

    def val(self) -> dict:
        """Validate."""
        self._state_precision()
        watched, named = watched_loaders(self._loaders), batch_named(self, 'val_dataloader')
        with self._saying(), self._compiled(), watched, named:
            return super().val()

    def test(self) -> dict:
        """Test."""
        self._state_precision()
        watched, named = watched_loaders(self._loaders), batch_named(self, 'test_dataloader')
        with self._saying(), self._compiled(), watched, named:
            return super().test()

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build a loop that can stop after any step."""
        return super().build_train_loop(with_type(loop) if isinstance(loop, dict) else loop)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build a loop that can stop after any batch."""
        loop = with_type(loop, StoppableValLoop) if isinstance(loop, dict) else loop
        return super().build_val_loop(loop)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build a loop that computes in the precision of this run."""
        loop = with_type(loop, PreciseTestLoop) if isinstance(loop, dict) else loop
        return super().build_test_loop(loop)

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """Say once what the run is; warnings that came before are shown in any case."""
        self._is_to_say = True
        try:
            yield
        finally:
            self._is_to_say = False
            release_warnings()

    def _state_precision(self) -> None:
        """Say in the log what this run computes in."""
        wrapper = (self.cfg.get('optim_wrapper') or {}).get('type', 'OptimWrapper')
        log_to_file(
            self.logger,
            f'precision: training by {wrapper}, mixed precision of validation and test '
            f'{self.evaluation_amp}, TF32 {"on" if self._tf32 else "off"}',
        )

    @contextmanager
    def _compiled(self) -> Iterator[None]:
        """Compile the parts of the network for a run, if the config says so and it is possible."""
        settings = compile_settings(self.cfg)
        if settings is None:
            yield
            return
        trouble = compile_trouble(settings, next(self.bare_model.parameters()).device)
        if trouble:
            self.logger.warning(
                f'--compile: torch.compile does not work here ({trouble}), so that the run goes on '
                'without it; a CPU needs a C++ compiler (g++, or CXX), a GPU also Triton'
            )
            yield
            return
        self.logger.info(f'torch.compile: {settings}')
        if not any(isinstance(hook, CompileHook) for hook in self.hooks):
            self.register_hook(CompileHook())
        with compiled_parts(self.bare_model, settings):
            yield

    def _maybe_compile(self, target: str) -> None:
        """Nothing: mmengine would compile the whole step, losses and matching included."""

    def _take_work_dir(self, stack: ExitStack) -> list[str]:
        """Have the work dir for this training; what was found there, for the log."""
        source, here = self._load_from, Path(self.work_dir)
        extends = bool(self._resume) and (
            source is None or Path(source).resolve().parent == here.resolve()
        )
        self._replaces_training = bool(self.cfg.get('overwrite', False)) and not extends
        remarks: list[str] = []
        stack.enter_context(
            training_in(
                here,
                may_replace=self._replaces_training,
                may_extend=extends,
                remarks=remarks,
            )
        )
        return remarks

    def _loaders(self) -> dict[str, DataLoader]:
        """The loaders in use, by their key in the config."""
        loops = zip(DATALOADERS, (self._train_loop, self._val_loop, self._test_loop), strict=True)
        return {key: loop.dataloader for key, loop in loops if isinstance(loop, BaseLoop)}

    def dump_config(self) -> None:
        """Nothing: `ReportHook` writes the resolved config, under one name, beside the results."""
