"""mmengine's checkpoint hook, with deletion after saving instead of before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from avsbench.checkpoint.frozen import (
    FrozenSource,
    checkpoint_source,
    leave_out,
    note_sources,
    weight_sources,
)
from avsbench.checkpoint.reading import TRAINED_ONLY
from avsbench.engine.checkpoint_files import link_atomically
from avsbench.engine.work_dir import INTERRUPTED
from avsbench.registry import HOOKS
from avsbench.utils.errors import ConfigError, nearest


class _DeferredRemoval:
    """A file backend whose removals wait until `release`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._waiting: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self._waiting.append(path)

    def release(self, keep: Sequence[str | None]) -> None:
        """Remove what was to be removed, but not a file that has been written again since."""
        for path in self._waiting:
            if path not in keep and self._backend.isfile(path):
                self._backend.remove(path)
        self._waiting = []


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """Save checkpoints so that there is a whole one at any moment.

    mmengine removes the outdated checkpoint first and saves the new one then; a kill in between
    leaves none. Besides, the best checkpoint gets a name that stays the same: `best_<key>.pth`
    links to it.

    Where much of a network is frozen, checkpoints may leave out what is still as it came from a
    file, a backbone's weights for example, and name that file (`avsbench.checkpoint.frozen`). They
    load like others as long as it is there.

    Args:
        interval: Epochs or iterations between two saves.
        by_epoch: Whether `interval` counts epochs.
        max_keep_ckpts: How many of the latest to keep, -1 for all.
        save_last: Also save at the end of the training.
        save_best: Metric whose best weights are kept as `best_<key>.pth`.
        rule: 'greater' or 'less', which value of `save_best` is better.
        save_begin: Epoch or iteration before which nothing is saved.
        trained_only: Leave out what is not trained and in a file that the training started from:
            the weights of its parts, or `load_from`.
    """

    def __init__(
        self,
        interval: int = 1,
        by_epoch: bool = True,
        max_keep_ckpts: int = 1,
        save_last: bool = True,
        save_best: str | list[str] | None = None,
        rule: str | list[str] | None = None,
        save_begin: int = 0,
        trained_only: bool = False,
    ) -> None:
        super().__init__(
            interval=interval,
            by_epoch=by_epoch,
            max_keep_ckpts=max_keep_ckpts,
            save_last=save_last,
            save_best=save_best,
            rule=rule,
            save_begin=save_begin,
        )
        self._in_training = False
        self.trained_only = trained_only
        self._started_from: list[FrozenSource] = []
        self._has_said = False

    def before_run(self, runner: Runner) -> None:
        """Let the parts of the network note what they load, where checkpoints leave that out."""
        if self.trained_only:
            note_sources(runner.bare_model)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note the checkpoint that the training starts from, or the one that the first run did."""
        if not self.trained_only:
            return
        if runner._resume:
            records = checkpoint['meta'].get(TRAINED_ONLY, ())
            self._started_from = [record for record in records if record['part'] is None]
        elif runner._load_from is not None:
            state = checkpoint['state_dict']
            frozen = [key for key in state if key not in _trained(runner)]
            self._started_from = [checkpoint_source(runner._load_from, state, frozen)]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Leave out what is in other files."""
        if not self.trained_only:
            return
        sources = [*weight_sources(runner.bare_model), *self._started_from]
        count = leave_out(checkpoint, sources, _trained(runner))
        if not self._has_said:
            self._has_said = True
            files = ', '.join(source['file'] for source in sources) or 'other files'
            kept = len(checkpoint['state_dict'])
            runner.logger.info(
                f'checkpoints leave out {count} tensors of {files}, {kept} are saved'
            )

    def before_train(self, runner: Runner) -> None:
        """Take over from a resumed run, also when its directory has been moved since."""
        super().before_train(runner)
        self._in_training = True
        self.file_backend = _DeferredRemoval(self.file_backend)
        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = self._here(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = self._here(path) if path else None

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._release()
        if is_main_process():  # what a signal or an error had left is not needed any more
            Path(self.out_dir, INTERRUPTED).unlink(missing_ok=True)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best or not self._in_training:
            return
        for key in set(self.key_indicators) - set(metrics) - {'auto'}:
            raise ConfigError(
                f'default_hooks.checkpoint.save_best={key!r}: the evaluator has no such metric'
                f'{nearest(key, metrics)}; it gives {", ".join(sorted(metrics))}'
            )
        super()._save_best_checkpoint(runner, metrics)
        self._release()
        if is_main_process():
            for key, path in self._best_paths().items():
                if path and Path(path).is_file():
                    link = Path(self.out_dir, f'best_{key}.pth'.replace('/', '_'))
                    link_atomically(Path(path), link)

    def _best_paths(self) -> dict[str, str | None]:
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return self.best_ckpt_path_dict

    def _release(self) -> None:
        best = list(self._best_paths().values()) if self.save_best else []
        self.file_backend.release(keep=[self.last_ckpt, *best])

    def _here(self, path: str) -> str:
        """A file of a resumed run, by its name in the directory of this one."""
        return str(Path(self.out_dir, Path(path).name))


def _trained(runner: Runner) -> set[str]:
    """Names of the parameters that are trained now."""
    named = runner.bare_model.named_parameters()
    return {name for name, parameter in named if parameter.requires_grad}
