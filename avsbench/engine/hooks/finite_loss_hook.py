"""Stops a training that has diverged, before its weights are touched."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from avsbench.engine.optimizer_state import named_wrappers
from avsbench.registry import HOOKS
from avsbench.utils.errors import AVSBenchError, ConfigError, examples
from avsbench.utils.transfer import fetch


class TrainingDivergedError(AVSBenchError):
    """A loss or a gradient is NaN or infinite: names the step, the samples and the loss terms."""


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """End the training with an error at the first loss or gradient that is NaN or infinite.

    Such a step leaves the weights as they were. The hook runs before the checkpoint hook, so that
    the last checkpoint and the best one stay as they are, too.

    Args:
        max_skipped: How many such steps are left out, with a warning, before it is an error.
    """

    priority = 'HIGHEST'  # before mmengine's hook that logs the terms, which reads each by itself

    def __init__(self, max_skipped: int = 0) -> None:
        if max_skipped < 0:
            raise ConfigError(f'FiniteLossHook: max_skipped={max_skipped}, expected 0 or more')
        self.max_skipped = max_skipped
        self._skipped = 0
        self._left_out = 0  # parameters whose gradient was no number in this step
        self._handles: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Look at the gradients before each step of the optimizer."""
        for handle in self._handles:
            handle.remove()
        self._handles = [
            wrapper.optimizer.register_step_pre_hook(partial(self._check_gradients, wrapper))
            for wrapper in named_wrappers(runner.optim_wrapper).values()
        ]

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Check the loss terms of the step, and replace them by numbers for the hooks behind.

        Raises:
            TrainingDivergedError: One of them, or a gradient, is no finite number.
        """
        outputs = {} if outputs is None else outputs
        outputs.update(_numbers(outputs))
        terms = {key: value for key, value in outputs.items() if 'loss' in key}
        bad = [key for key, value in terms.items() if not math.isfinite(value)]
        left_out, self._left_out = self._left_out, 0
        if not bad and not left_out:
            return
        place = f'epoch {runner.epoch + 1}, iteration {runner.iter + 1}'
        found = [f'{examples(bad)} is not finite'] if bad else []
        found += [f'the gradient of {left_out} parameters is not finite'] if left_out else []
        text = f'{" and ".join(found)} at {place}: {_account(terms, data_batch, bool(left_out))}'
        if self._skipped < self.max_skipped and (left_out or self._accumulates(runner)):
            self._skipped += bool(left_out)
            runner.logger.warning(
                f'step left out ({self._skipped} of at most {self.max_skipped}): {text}'
            )
            return
        raise TrainingDivergedError(
            f'{text}; seed {runner.seed}. Nothing was saved since the last checkpoint: lower the '
            'learning rate, clip gradients (optim_wrapper.clip_grad), or look at these samples, '
            'then --resume'
        )

    def _check_gradients(
        self, wrapper: OptimWrapper, optimizer: Optimizer, args: tuple, kwargs: dict
    ) -> None:
        """Take the gradients away where one is no number: the step then changes nothing."""
        given = [
            parameter
            for group in optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]
        if not given or _clipped_to_finite(wrapper, given):
            return
        if _finite_norm([parameter.grad for parameter in given]):
            return
        bad = [p for p in given if not bool(torch.isfinite(_values(p.grad)).all())]
        self._left_out += len(bad)
        if bad:
            for parameter in given:
                parameter.grad = None

    @staticmethod
    def _accumulates(runner: Runner) -> bool:
        """Whether the step that this loss belongs to is still to come."""
        wrappers = named_wrappers(runner.optim_wrapper).values()
        return not all(wrapper.should_update() for wrapper in wrappers)


def sample_ids(data_batch: Any) -> list[str]:
    """The clip ids of a batch, or the positions in the data set where there are none."""
    samples = data_batch.get('data_samples', []) if isinstance(data_batch, Mapping) else []
    return [str(s.get('clip_id', s.get('sample_idx', '?'))) for s in samples] or ['unknown']


def _account(terms: Mapping[str, float], data_batch: Any, shared: bool) -> str:
    """The loss terms and the samples; those of all processes, where all are at this step."""
    shown = ', '.join(f'{key} {value:g}' for key, value in terms.items())
    bad = not all(map(math.isfinite, terms.values()))
    own = (bad, f'{shown}; samples of the step: {examples(sample_ids(data_batch))}')
    accounts = all_gather_object(own) if shared else [own]
    # Where some processes have a loss that is no number, the others only get word of it.
    guilty = [text for is_bad, text in accounts if is_bad] or [text for _, text in accounts]
    return ' / '.join(guilty)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Those of the values that are tensors, as numbers, with one look at the GPU for all."""
    tensors = {key: value for key, value in values.items() if isinstance(value, Tensor)}
    if not tensors:
        return {}
    stacked = torch.stack([value.detach().float().reshape(()) for value in tensors.values()])
    return dict(zip(tensors, fetch(stacked).tolist(), strict=True))


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _clipped_to_finite(wrapper: OptimWrapper, given: list[nn.Parameter]) -> bool:
    """Whether the norm that the wrapper has just read, to clip and log it, shows that all is well.

    Otherwise the host would wait for a second norm of the same gradients.
    """
    clips = wrapper.clip_grad_kwargs and wrapper.clip_func is clip_grad_norm_
    if not clips or not all(parameter.requires_grad for parameter in given):
        return False  # it is clipped by value, or not all gradients are in the norm
    norm = wrapper.message_hub.get_scalar(f'train/{wrapper.grad_name}').current()
    return math.isfinite(norm)


def _finite_norm(gradients: list[Tensor]) -> bool:
    """Whether the norm is finite; it may overflow where the gradients do not."""
    norms = torch._foreach_norm([_values(gradient) for gradient in gradients])
    total = torch.stack([norm.float().to(norms[0].device) for norm in norms]).sum()
    return bool(torch.isfinite(total))
