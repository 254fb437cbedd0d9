"""Leaves what it takes to do a training again, and to tell whether that came out the same."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.analysis.curves import curves_of
from avsbench.analysis.run_logs import read_run
from avsbench.checkpoint.reading import sha256_of
from avsbench.datasets.fingerprint import Fingerprint, differences, fingerprint
from avsbench.registry import HOOKS
from avsbench.reproduction.bundle import (
    FOLDER,
    FORMAT,
    SPLITS,
    config_data,
    config_name,
    write_part,
)
from avsbench.utils.env import collect_environment
from avsbench.utils.errors import AVSBenchError, ConfigError, DataError
from avsbench.utils.text import read_json
from avsbench.version import __version__

_WEIGHTS = ('.pth', '.pt', '.safetensors', '.pkl')


@HOOKS.register_module()
class BundleHook(Hook):
    """Write the reproduction bundle of a training, `bundle/` of its work dir.

    What the training is, is written before its first step: resolved config, environment, seed,
    counts and hashes of its data, hashes of the weight files it reads. The curve is written after
    each validation and at the end. Only the main process writes; the bundle has no effect on the
    training. `avsbench bundle` packs, checks and repeats it.
    """

    priority = 'LOWEST'  # the log is complete

    def __init__(self) -> None:
        self._run: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Write all but the curve."""
        if not is_main_process():
            return
        work_dir, resumed = Path(runner.work_dir), bool(runner.iter)
        environment = collect_environment()
        self._run = self._describe(runner, environment, _part(work_dir, 'run.json', resumed))
        data = _fingerprints(runner)
        before = _part(work_dir, 'data.json', resumed)
        for key in before.keys() & data.keys():
            for line in differences(before[key], data[key]):
                runner.logger.warning(f'{key}: other data than this training began with: {line}')
        try:
            config = config_data(runner.cfg) | {'randomness': _randomness(runner)}
        except ConfigError as error:
            runner.logger.warning(f'this training can not be repeated from its bundle: {error}')
            config = {}
        write_part(work_dir, 'config.json', config)
        write_part(work_dir, 'environment.json', environment)
        write_part(work_dir, 'data.json', data)
        write_part(work_dir, 'run.json', self._run)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the curve as far as it goes."""
        if self._run:
            self._write_curve(runner)

    def after_train(self, runner: Runner) -> None:
        """Write the whole curve, and that the training has finished."""
        if not is_main_process():
            return
        self._run |= {'finished': True, 'epochs': runner.epoch, 'iterations': runner.iter}
        write_part(runner.work_dir, 'run.json', self._run)
        self._write_curve(runner)

    def _describe(
        self, runner: Runner, environment: dict[str, Any], before: dict[str, Any]
    ) -> dict[str, Any]:
        """Content of `run.json`; a resumed training keeps its earlier sessions."""
        session = {
            'date': datetime.datetime.now().astimezone().isoformat(timespec='seconds'),
            'from_iteration': runner.iter,
            'git_commit': environment['git_commit'],
            'torch': environment['torch'],
        }
        save_best = runner.cfg.get('default_hooks', {}).get('checkpoint', {}).get('save_best')
        return {
            'format': FORMAT,
            'avsbench': __version__,
            'subset': runner.cfg.get('subset', ''),
            'config_file': config_name(runner.cfg.filename),
            'seed': runner.seed,
            'num_processes': runner.world_size,
            'headline': [save_best] if isinstance(save_best, str) else list(save_best or ()),
            'started_from': before.get('started_from') if before else _started_from(runner),
            'weight_files': _weight_files(runner.cfg),
            'missing_pretrained': list(getattr(runner.bare_model, 'missing_pretrained', [])),
            'finished': False,
            'sessions': [*before.get('sessions', []), session],
        }

    def _write_curve(self, runner: Runner) -> None:
        try:
            curves = curves_of(read_run(runner.work_dir))
        except DataError as error:  # without the backend that writes the log as json
            runner.logger.warning(f'no curve in the reproduction bundle: {error}')
            return
        write_part(runner.work_dir, 'curve.json', curves.to_json())


def _fingerprints(runner: Runner) -> dict[str, Fingerprint]:
    loops = (runner.train_loop, runner.val_loop)
    return {
        key: fingerprint(loop.dataloader.dataset)
        for key, loop in zip(SPLITS, loops, strict=True)
        if loop is not None
    }


def _randomness(runner: Runner) -> dict[str, Any]:
    """With the seed that was drawn, where none was given."""
    return {**(runner.cfg.get('randomness') or {}), 'seed': runner.seed}


def _started_from(runner: Runner) -> dict[str, Any] | None:
    path = getattr(runner, 'loaded_checkpoint', None)
    return None if path is None else _file(path)


def _weight_files(cfg: Any) -> list[dict[str, Any]]:
    """The weight files that a config names, as far as they are there."""
    found = sorted({text for text in _texts(cfg.get('model')) if text.endswith(_WEIGHTS)})
    return [_file(text) for text in found if Path(text).is_file()]


def _file(path: str) -> dict[str, Any]:
    return {'file': path, 'bytes': Path(path).stat().st_size, 'sha256': sha256_of(path)}


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list | tuple):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _texts(item)


def _part(work_dir: Path, name: str, resumed: bool) -> dict[str, Any]:
    """A file of the bundle that the training has left before it was interrupted, if it is whole."""
    if not resumed:
        return {}
    try:
        content = read_json(work_dir / FOLDER / name)
    except (AVSBenchError, FileNotFoundError):
        return {}
    return content if isinstance(content, dict) else {}
