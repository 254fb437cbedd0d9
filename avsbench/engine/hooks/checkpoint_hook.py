"""mmengine's checkpoint hook, with deletion after saving instead of before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

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

    Args:
        interval: Epochs or iterations between two saves.
        by_epoch: Whether `interval` counts epochs.
        max_keep_ckpts: How many of the latest to keep, -1 for all.
        save_last: Also save at the end of the training.
        save_best: Metric whose best weights are kept as `best_<key>.pth`.
        rule: 'greater' or 'less', which value of `save_best` is better.
        save_begin: Epoch or iteration before which nothing is saved.
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
