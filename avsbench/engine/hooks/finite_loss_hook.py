"""Stops a training that has diverged, before it is saved."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from avsbench.registry import HOOKS
from avsbench.utils.errors import AVSBenchError, examples


class TrainingDivergedError(AVSBenchError):
    """A loss is NaN or infinite: names the step, the samples and the loss terms."""


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """End the training with an error at the first loss that is NaN or infinite.

    It runs before the checkpoint hook, so that the last checkpoint and the best one stay as they
    are.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the loss terms of the step.

        Raises:
            TrainingDivergedError: One of them is no finite number.
        """
        terms = {
            key: value.item() if isinstance(value, Tensor) else float(value)
            for key, value in (outputs or {}).items()
            if 'loss' in key
        }
        bad = [key for key, value in terms.items() if not math.isfinite(value)]
        if bad:
            shown = ', '.join(f'{key} {value:g}' for key, value in terms.items())
            raise TrainingDivergedError(
                f'{examples(bad)} is not finite at epoch {runner.epoch + 1}, iteration '
                f'{runner.iter + 1} ({shown}; seed {runner.seed}); samples of the step: '
                f'{examples(sample_ids(data_batch))}. Nothing was saved since the last '
                'checkpoint: lower the learning rate, clip gradients (optim_wrapper.clip_grad), '
                'or look at these samples, then --resume'
            )


def sample_ids(data_batch: Any) -> list[str]:
    """The clip ids of a batch, or the positions in the data set where there are none."""
    samples = data_batch.get('data_samples', []) if isinstance(data_batch, Mapping) else []
    return [str(s.get('clip_id', s.get('sample_idx', '?'))) for s in samples] or ['unknown']
