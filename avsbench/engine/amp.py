"""Mixed precision, on GPUs and on the CPU, which mmengine's wrapper refuses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import TestLoop, ValLoop
from torch import nn
from torch.optim import Optimizer

from avsbench.registry import OPTIM_WRAPPERS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError
from avsbench.utils.precision import DTYPES, cpu_computes_bf16


def resolve_precision(choice: str) -> str:
    """The precision that this machine computes in: 'bf16', 'fp16' or 'off'.

    Args:
        choice: One of these, or 'auto' for the best that there is: bfloat16, or float16 on cards
            without it.

    Raises:
        ConfigError: The machine has not got what is asked for.
    """
    on_gpu = torch.cuda.is_available()
    lacks_bf16 = on_gpu and not _gpu_has_bf16()
    if choice == 'auto':
        choice = 'fp16' if lacks_bf16 else 'bf16'
        if lacks_bf16:
            _say(f'--amp: {torch.cuda.get_device_name()} has no bfloat16, so float16 is used')
    if choice == 'bf16' and lacks_bf16:
        raise ConfigError(
            f'{torch.cuda.get_device_name()} computes no bfloat16 (cards from compute capability '
            '8.0 on do); use --amp fp16, or --amp off'
        )
    if choice == 'fp16' and not on_gpu:
        raise ConfigError(
            'float16 needs a GPU, and PyTorch finds none here; use --amp bf16, or --amp off'
        )
    return choice


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where PyTorch's autocast allows it.

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
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


class CountingAmpOptimWrapper(AmpOptimWrapper):
    """mmengine's float16 with a scaled loss, which also logs the steps that it left out.

    A step whose gradients overflow is left out and the scale lowered. The first few are no cause
    for concern; many more mean that the network doesn't learn. `amp_skipped` in the log is their
    number since the start of the process.

    Args:
        optimizer: Steps in float32.
        accumulative_counts: As in `BFloat16OptimWrapper`.
        clip_grad: As in `BFloat16OptimWrapper`.
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
    precision: str = 'auto',
) -> OptimWrapper:
    """The wrapper of mixed precision for this machine.

    bfloat16, or float16 with a scaled loss, whose gradients are unscaled before they are clipped.
    In a config it is `type='DeviceAmpOptimWrapper'`.

    Args:
        optimizer: Steps in float32.
        accumulative_counts: Iterations whose gradients are added before a step.
        clip_grad: As in `BFloat16OptimWrapper`.
        precision: See `resolve_precision`.

    Raises:
        ConfigError: The machine does not compute in this precision.
    """
    check_choice('optim_wrapper.precision', precision, ('auto', *DTYPES))
    halves = {'bf16': BFloat16OptimWrapper, 'fp16': CountingAmpOptimWrapper}
    kind = halves[resolve_precision(precision)]
    return kind(optimizer=optimizer, accumulative_counts=accumulative_counts, clip_grad=clip_grad)


def use_amp(cfg: Config, choice: str | None) -> None:
    """Change the precision of training and validation in a config, in place.

    Args:
        cfg: The config.
        choice: See `resolve_precision`; None is bfloat16 on a GPU or CPU that computes it, unless
            the config has a wrapper of its own, and otherwise leaves the config as it is.

    Raises:
        ConfigError: The config has a wrapper of another kind already, or the machine has not got
            the precision.
    """
    amp = 'DeviceAmpOptimWrapper'
    present = cfg.get('optim_wrapper', {}).get('type', 'OptimWrapper')
    if choice is None:
        on_gpu = torch.cuda.is_available()
        has_bf16 = _gpu_has_bf16() if on_gpu else cpu_computes_bf16()
        if present != 'OptimWrapper' or not has_bf16 or 'optim_wrapper' not in cfg:
            return
        device = 'GPU' if on_gpu else 'CPU'
        _say(f'this {device} trains and validates in bfloat16; --amp off does so in float32')
        choice = 'bf16'
    if present not in ('OptimWrapper', amp):
        raise ConfigError(
            f'{cfg.filename}: --amp replaces optim_wrapper.type OptimWrapper, but it is {present}'
        )
    precision = resolve_precision(choice)
    cfg.optim_wrapper.pop('precision', None)
    cfg.optim_wrapper.type = 'OptimWrapper' if precision == 'off' else amp
    if precision != 'off':
        cfg.optim_wrapper.precision = precision
        if choice == 'auto' and not torch.cuda.is_available():
            _say('--amp: no CUDA here, so bfloat16 autocast of the CPU is used')
        if not torch.cuda.is_available() and not cpu_computes_bf16():
            _say('this CPU has no instructions for bfloat16: --amp off is faster')
    cfg.merge_from_dict({'env_cfg': {'eval_amp': precision}})


@contextmanager
def evaluating_in(loop: ValLoop | TestLoop) -> Iterator[None]:
    """Let mmengine's loop of a validation or test compute in `evaluation_amp` of its runner."""
    dtype = DTYPES.get(loop.runner.evaluation_amp)
    if dtype is None:
        yield
        return
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    before = torch.get_autocast_dtype(device)
    torch.set_autocast_dtype(device, dtype)
    loop.fp16 = True  # mmengine's word for a half type, whichever it is
    try:
        yield
    finally:
        torch.set_autocast_dtype(device, before)


def set_tf32(allowed: bool) -> None:
    """Whether a GPU may round factors of float32 products to 10 bits, several times as fast."""
    if torch.cuda.is_available():
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.backends.cudnn.allow_tf32 = allowed


def _gpu_has_bf16() -> bool:
    """Whether it computes in bfloat16 by itself; older ones can be made to, slowly."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _say(text: str) -> None:
    if os.environ.get('RANK', '0') == '0':
        print(text)
