"""Refines the masks of a test by the dense CRF, and scores them."""

import os
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from mmengine.dist import (
    all_gather_object,
    barrier,
    broadcast_object_list,
    get_dist_info,
    is_main_process,
)
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.engine.hooks.mask_saving_hook import MaskSavingHook
from avsbench.evaluation.video import DAVISMetric
from avsbench.evaluation.video.refinement import davis_numbers, refine, refinement_tasks
from avsbench.registry import HOOKS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError


@HOOKS.register_module()
class CRFHook(Hook):
    """Refine the masks of a test on DAVIS from their saved probability maps.

    The masks go to `crf_mask/` beside the maps; their scores join those of the test, with a prefix.

    Args:
        out_dir: Folder of a `MaskSavingHook` of the same test; None for one that is removed after
            the test.
        workers: Processes that refine frames; None: as many as there are CPUs.
        prefix: Put before the name of each number, with a slash.
    """

    def __init__(
        self, out_dir: str | None = None, workers: int | None = None, prefix: str = 'crf'
    ) -> None:
        self.out_dir = None if out_dir is None else Path(out_dir)
        self.workers = workers
        self.prefix = prefix
        self._temporary: tempfile.TemporaryDirectory | None = None
        self._saver: MaskSavingHook | None = None

    def before_test(self, runner: Runner) -> None:
        """Check that there will be maps and scores.

        Raises:
            ConfigError: The test has no `DAVISMetric`, or nothing saves the maps.
        """
        metrics = runner.test_loop.evaluator.metrics
        if not any(isinstance(metric, DAVISMetric) for metric in metrics):
            raise ConfigError(
                'CRFHook (--crf): the refinement is scored as DAVIS is, but test_evaluator has no '
                'DAVISMetric; leave it out, or test on davis'
            )
        if self.out_dir is None:
            self._saver = MaskSavingHook(self._make_folder(), kinds=['probability'])
            self._saver.before_test(runner)
        elif not any(
            isinstance(hook, MaskSavingHook) and hook.out_dir == self.out_dir
            for hook in runner.hooks
        ):
            raise ConfigError(f'CRFHook: no MaskSavingHook writes to {self.out_dir}')

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[AVSDataSample] | None = None,
    ) -> None:
        """Save the maps, if no other hook does."""
        if self._saver is not None:
            self._saver.after_test_iter(runner, batch_idx, data_batch, outputs)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Refine all frames, each process its share, and add the scores to those of the test."""
        barrier()  # all maps must have been written
        folder = self.out_dir or self._saver.out_dir
        dataset = runner.test_dataloader.dataset
        infos = (dataset.get_data_info(index) for index in range(len(dataset)))
        rank, world_size = get_dist_info()
        tasks = refinement_tasks(infos, folder)[rank::world_size]
        workers = self.workers or max(1, (os.cpu_count() or 1) // world_size)
        runner.logger.info(f'CRF: {len(tasks)} frames in {workers} processes')
        refined = chain.from_iterable(all_gather_object(list(refine(tasks, workers))))
        numbers = davis_numbers(refined)
        if metrics is not None:
            metrics.update({f'{self.prefix}/{name}': value for name, value in numbers.items()})

    def after_test(self, runner: Runner) -> None:
        """Remove the folder that was made for the test."""
        if self._saver is not None:
            self._saver.after_run(runner)
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _make_folder(self) -> str:
        """A folder that all processes know."""
        name: list[str | None] = [None]
        if is_main_process():
            self._temporary = tempfile.TemporaryDirectory(prefix='avsbench_crf_')
            name = [self._temporary.name]
        broadcast_object_list(name)
        return name[0]
