"""Writes down what a run was and what came out."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from avsbench.checkpoint.reading import sha256_of
from avsbench.config.loading import resolved_text
from avsbench.engine.console import log_to_file, tables_instead_of_lines
from avsbench.evaluation import AVSMetric, VideoMetric, format_table
from avsbench.evaluation.result_files import RESULTS, place_tables, result_entry, write_result
from avsbench.registry import HOOKS
from avsbench.utils.env import collect_environment
from avsbench.utils.files import write_json, write_text


@HOOKS.register_module()
class ReportHook(Hook):
    """Leave a record of every run in its work dir.

    `<work dir>/<time>/config.py` and `env.json` hold the resolved config and the environment of
    each run; a training also leaves them in the work dir itself. `results/test_<time>.json` holds
    the result of a test, `results/scores_<time>.csv` its frames, and, where masks have classes,
    `results/confusion_<time>.csv` which were taken for which; `results/val_<time>.json` has one
    entry for each validation of a training. The same names without the time, such as
    `results/test.json`, are copies of the latest. The table of a result is printed and logged.

    Attributes:
        folder: Where `results/` of the next test goes, for commands that test several times; None
            for the work dir.
        facts: What else the result of the next test says.
    """

    priority = 'LOW'

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.facts: dict[str, Any] = {}
        self._validations: list[dict[str, Any]] = []
        self._tables: dict[str, str] = {}  # of a test

    def before_run(self, runner: Runner) -> None:
        """Write config and environment of this run."""
        tables_instead_of_lines(runner.logger)
        if is_main_process():
            self._describe_run(runner, Path(runner.log_dir))

    def before_train(self, runner: Runner) -> None:
        """Leave them in the work dir as well, as those of its training."""
        if is_main_process():
            self._describe_run(runner, Path(runner.work_dir))

    def before_val(self, runner: Runner) -> None:
        """Let the metrics of the validation write their tables into the work dir."""
        _place_tables(runner.val_loop.evaluator, runner.work_dir)

    def before_test(self, runner: Runner) -> None:
        """Let the metrics of the test write their tables into the work dir."""
        evaluator = runner.test_loop.evaluator
        _place_tables(evaluator, str(self.folder or runner.work_dir))
        metric = _avs_metric(evaluator)
        if metric is not None:
            self._tables = place_tables(metric, RESULTS)

    def after_val_epoch(self, runner: Runner, metrics: Mapping[str, Any] | None = None) -> None:
        """Add a validation to the list of this run."""
        if metrics and is_main_process():
            loader = runner.val_loop.dataloader
            evaluator = runner.val_loop.evaluator
            self._validations.append(self._entry(runner, 'val', metrics, loader, evaluator))
            self._write(runner, 'val', self._validations, metrics)

    def after_test_epoch(self, runner: Runner, metrics: Mapping[str, Any] | None = None) -> None:
        """Write the result of a test."""
        if metrics and is_main_process():
            loop = runner.test_loop
            entry = self._entry(runner, 'test', metrics, loop.dataloader, loop.evaluator)
            self._write(runner, 'test', entry | self._tables | self.facts, metrics)

    def _describe_run(self, runner: Runner, folder: Path) -> None:
        write_text(folder / 'config.py', resolved_text(runner.cfg))
        write_json(folder / 'env.json', collect_environment())

    def _write(self, runner: Runner, kind: str, content: Any, metrics: Mapping[str, Any]) -> None:
        folder = Path(self.folder or runner.work_dir, RESULTS)
        path = write_result(folder, kind, runner.timestamp, content)
        table = f'results in {path}\n{format_table(metrics)}'
        shown = self._headline(runner, metrics) if kind == 'val' else ''
        if shown:
            runner.logger.info(f'validation: {shown}; all metrics in {path} and in the log file')
            log_to_file(runner.logger, table)
        else:
            runner.logger.info(table)

    @staticmethod
    def _headline(runner: Runner, metrics: Mapping[str, Any]) -> str:
        """The metrics that the best checkpoint of a training is chosen by."""
        if runner.message_hub.get_info('max_epochs') is None:
            return ''
        keys = runner.cfg.get('default_hooks', {}).get('checkpoint', {}).get('save_best') or ()
        keys = [keys] if isinstance(keys, str) else keys
        return ', '.join(f'{key} {metrics[key]:.4f}' for key in keys if key in metrics)

    def _entry(
        self,
        runner: Runner,
        kind: str,
        metrics: Mapping[str, Any],
        loader: DataLoader,
        evaluator: Evaluator,
    ) -> dict[str, Any]:
        training = runner.message_hub.get_info('max_epochs') is not None
        checkpoint = None if training else getattr(runner, 'loaded_checkpoint', None)
        meta = getattr(runner, 'loaded_meta', {}) if checkpoint else {}
        dataset = loader.dataset
        metric = _avs_metric(evaluator)
        entry = result_entry(metrics, metric and metric.protocol_facts)
        return {
            'kind': kind,
            'subset': runner.cfg.get('subset'),
            **entry,
            'config_file': runner.cfg.filename,
            'checkpoint': checkpoint,
            'checkpoint_sha256': sha256_of(checkpoint) if checkpoint else None,
            'epoch': runner.epoch if training else meta.get('epoch'),
            'iteration': runner.iter if training else meta.get('iter'),
            'data': dataset.summary() if hasattr(dataset, 'summary') else {'clips': len(dataset)},
            'batch_size': loader.batch_size,
            'num_processes': runner.world_size,
            'seed': runner.seed,
            'precision': _precision(runner),
            'date': datetime.datetime.now().astimezone().isoformat(timespec='seconds'),
            'missing_pretrained': _missing_pretrained(runner),
            'run': str(runner.log_dir),
        }


def _precision(runner: Runner) -> str:
    """What the network computed the predictions in: 'fp32', or a half type of `--amp`."""
    amp = getattr(runner, 'evaluation_amp', 'off')
    return 'fp32' if amp == 'off' else amp


def _avs_metric(evaluator: Evaluator) -> AVSMetric | None:
    """The metric that writes a table of frames: the first one, of several."""
    return next((metric for metric in evaluator.metrics if isinstance(metric, AVSMetric)), None)


def _place_tables(evaluator: Evaluator, work_dir: str) -> None:
    for metric in evaluator.metrics:
        if isinstance(metric, AVSMetric | VideoMetric):
            metric.out_dir = work_dir


def _missing_pretrained(runner: Runner) -> list[str]:
    """Weight files that the training should have started from, as far as the model tells."""
    return list(getattr(runner.bare_model, 'missing_pretrained', []))
