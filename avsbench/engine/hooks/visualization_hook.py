"""Draws the predictions for a few validation clips during a training."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from avsbench.registry import HOOKS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.visualization import AVSLocalVisualizer
from avsbench.visualization.gallery import masks_of, spread, view_of


@HOOKS.register_module()
class VisualizationHook(Hook):
    """Draw frames, truth, prediction and audio, if any, of the same clips at each validation.

    The images go to the backends of the config's visualizer under the name of the clip, with the
    epoch or iteration as their step: `LocalVisBackend` writes to
    `<work dir>/<time>/vis_data/vis_image/`, `TensorboardVisBackend` shows them as a slider. In a
    training of several processes the clips are chosen among those that the main process validates.

    Args:
        num_clips: Clips, spread over the validation split; 0 draws none.
        interval: Draw at every so many validations, the first one included.
    """

    priority = 'LOW'

    def __init__(self, num_clips: int = 3, interval: int = 1) -> None:
        if num_clips < 0 or interval < 1:
            raise ConfigError(
                f'VisualizationHook: num_clips={num_clips}, interval={interval}; expected 0 or '
                'more, and 1 or more'
            )
        self.num_clips = num_clips
        self.interval = interval
        self._validations = 0
        self._chosen: set[int] = set()

    def before_train(self, runner: Runner) -> None:
        """Check the visualizer before anything is computed.

        Raises:
            ConfigError: It can't draw clips.
        """
        if self.num_clips and not isinstance(runner.visualizer, AVSLocalVisualizer):
            raise ConfigError(
                f'VisualizationHook: the visualizer is a {type(runner.visualizer).__name__}; set '
                "visualizer.type='AVSLocalVisualizer', or num_clips of the hook to 0"
            )

    def before_val_epoch(self, runner: Runner) -> None:
        """Choose the clips, in a training only."""
        due = self._validations % self.interval == 0
        self._validations += 1
        self._chosen = set()
        if self.num_clips and due and is_main_process() and not _is_config(runner._train_loop):
            ours = range(0, len(runner.val_loop.dataloader.dataset), get_world_size())
            self._chosen = set(spread(ours, self.num_clips))

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[AVSDataSample] | None = None,
    ) -> None:
        """Draw those of the chosen clips that are in this batch."""
        if not self._chosen:
            return
        for index, sample in enumerate(outputs or ()):
            if sample.sample_idx in self._chosen:
                self._chosen.remove(sample.sample_idx)
                inputs = {key: value[index] for key, value in data_batch['inputs'].items()}
                self._draw(runner, inputs, sample)

    def _draw(self, runner: Runner, inputs: dict[str, torch.Tensor], sample: AVSDataSample) -> None:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        step = runner.epoch if by_epoch else runner.iter
        title = f'{sample.clip_id}\n{"epoch" if by_epoch else "iteration"} {step}'
        view = view_of({'inputs': inputs, 'data_samples': sample}, title)
        visualizer = runner.visualizer
        image = visualizer.draw([replace(view, sample=masks_of(sample))])
        visualizer.add_image(sample.clip_id.replace('/', '_'), image, step)


def _is_config(loop: Any) -> bool:
    """Whether a loop was not built: mmengine keeps its config, or None, in its place."""
    return loop is None or isinstance(loop, dict)
