"""Mixed precision, on GPUs and on the CPU, which mmengine's wrapper refuses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn
from torch.optim import Optimizer

from avsbench.registry import OPTIM_WRAPPERS
from avsbench.utils.errors import ConfigError


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where PyTorch's CPU autocast allows it.

    bfloat16 has the range of float32, so the loss needs no scaling.

    Args:
        optimizer: Steps in float32.
        accumulative_counts: Iterations whose gradients are added before a step.
        clip_grad: Arguments of `torch.nn.utils.clip_grad_norm_` or, with `type='value'`,
            `clip_grad_value_`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        accumulative_counts: int = 1,
        clip_grad: dict | None = None,
    ) -> None:
        super().__init__(optimizer, accumulative_counts, clip_grad)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of a step's forward pass."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


class CountingAmpOptimWrapper(AmpOptimWrapper):
    """mmengine's float16 with a scaled loss, which also logs the steps that it left out.

    A step whose gradients overflow is left out and the scale lowered. The first few are no cause
    for concern; many more mean that the network doesn't learn. `amp_skipped` in the log is their
    number since the start of the process.

    Args:
        optimizer: Steps in float32.
        accumulative_counts: As in `CPUAmpOptimWrapper`.
        clip_grad: As in `CPUAmpOptimWrapper`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        accumulative_counts: int = 1,
        clip_grad: dict | None = None,
    ) -> None:
        super().__init__(
            optimizer=optimizer, accumulative_counts=accumulative_counts, clip_grad=clip_grad
        )
        self.skipped = 0
        self._taken = False
        optimizer.register_step_post_hook(self._note_step)

    def step(self, **kwargs: Any) -> None:
        """Step unless the gradients overflow, and count if they do."""
        self._taken = False
        super().step(**kwargs)
        self.skipped += not self._taken
        self.message_hub.update_scalar('train/amp_skipped', self.skipped)

    def _note_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        # the scaler calls fused optimizers always, and leaves it to them to look
        overflow = getattr(optimizer, 'found_inf', None)
        self._taken = overflow is None or not overflow.item()


@OPTIM_WRAPPERS.register_module(name='DeviceAmpOptimWrapper')
def build_amp_wrapper(
    optimizer: Optimizer,
    accumulative_counts: int = 1,
    clip_grad: dict | None = None,
) -> OptimWrapper:
    """The wrapper of mixed precision for this machine.

    float16 with a scaled loss where there is CUDA (gradients are unscaled before they are clipped),
    bfloat16 on the CPU. In a config it is `type='DeviceAmpOptimWrapper'`.

    Args:
        optimizer: Steps in float32.
        accumulative_counts: Iterations whose gradients are added before a step.
        clip_grad: As in `CPUAmpOptimWrapper`.
    """
    kind = CountingAmpOptimWrapper if torch.cuda.is_available() else CPUAmpOptimWrapper
    return kind(optimizer=optimizer, accumulative_counts=accumulative_counts, clip_grad=clip_grad)


def use_amp(cfg: Config) -> None:
    """Change the optimizer wrapper of a config to mixed precision, in place.

    Raises:
        ConfigError: The config has a wrapper of another kind already.
    """
    wrapper = 'DeviceAmpOptimWrapper'
    present = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if present not in ('OptimWrapper', wrapper):
        raise ConfigError(
            f'{cfg.filename}: --amp replaces optim_wrapper.type OptimWrapper, but it is {present}'
        )
    cfg.optim_wrapper.type = wrapper
    if not torch.cuda.is_available() and os.environ.get('RANK', '0') == '0':
        print('--amp: no CUDA here, so bfloat16 autocast of the CPU is used')
