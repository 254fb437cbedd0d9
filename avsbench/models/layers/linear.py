"""Linear layers that a CPU computes together with their bias and activation.

oneDNN adds the bias and applies the activation while it writes the product. PyTorch's operators
write the bias, the sum and the activation one after the other, which for the wide layers of a
feed-forward network costs a third of the time of the product.
"""

import platform
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

ACTIVATIONS = {'relu': torch.relu_, 'gelu': F.gelu}  # of a tensor that nothing else reads
# Below, the call itself takes longer than what it saves.
_MIN_ROWS = 256
# What torch.compile calls, too; the name begins with an underscore, so it may be gone one day.
_FUSED = getattr(torch.ops.mkldnn, '_linear_pointwise', None)
_MEASURED = platform.machine() in ('x86_64', 'AMD64')
# oneDNN has no product in half precision for a processor without the instructions; PyTorch has one.
_CAN_COMPUTE = {
    torch.bfloat16: getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None),
    torch.float16: getattr(torch.ops.mkldnn, '_is_mkldnn_fp16_supported', None),
}


def linear(tokens: Tensor, weight: Tensor, bias: Tensor | None, act: str | None = None) -> Tensor:
    """Map (..., I) to (..., O), followed by an activation.

    The same up to rounding whether oneDNN or PyTorch computes it.

    Args:
        tokens: (..., I).
        weight: (O, I).
        bias: (O,), or None.
        act: 'relu', 'gelu' (the exact one), or None.

    Returns:
        (..., O).
    """
    if not _fuses(tokens, weight):
        mapped = F.linear(tokens, weight, bias)
        return mapped if act is None else ACTIVATIONS[act](mapped)
    if torch.is_autocast_enabled('cpu'):
        dtype = torch.get_autocast_dtype('cpu')
        tokens, weight = tokens.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if not torch.is_grad_enabled():
        return _fused(tokens, weight, bias, act)
    if act == 'gelu':  # its gradient needs what goes into it
        return F.gelu(_FusedLinear.apply(tokens, weight, bias, None))
    return _FusedLinear.apply(tokens, weight, bias, act)


class _FusedLinear(torch.autograd.Function):
    """oneDNN's product with its gradients; ReLU's needs the result alone."""

    @staticmethod
    def forward(
        ctx: Any, tokens: Tensor, weight: Tensor, bias: Tensor | None, act: str | None
    ) -> Tensor:
        mapped = _fused(tokens, weight, bias, act)
        ctx.save_for_backward(tokens, weight, mapped if act == 'relu' else None)
        return mapped

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tokens, weight, rectified = ctx.saved_tensors
        if rectified is not None:
            grad = torch.ops.aten.threshold_backward(grad, rectified, 0)
        of_tokens, of_weight, of_bias, _ = ctx.needs_input_grad
        rows = grad.flatten(0, -2)
        return (
            (rows @ weight).view(tokens.shape) if of_tokens else None,
            rows.t() @ tokens.flatten(0, -2) if of_weight else None,
            rows.sum(0) if of_bias else None,
            None,
        )


def _fused(tokens: Tensor, weight: Tensor, bias: Tensor | None, act: str | None) -> Tensor:
    return _FUSED(tokens, weight, bias, act or 'none', [], 'none' if act == 'gelu' else '')


def _fuses(tokens: Tensor, weight: Tensor) -> bool:
    if tokens.device.type != 'cpu' or tokens.dim() < 2:
        return False
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False  # a graph has operators that every exporter knows, and fuses them by itself
    usable = _FUSED is not None and _MEASURED and torch.backends.mkldnn.enabled
    if not usable or tokens.numel() < _MIN_ROWS * tokens.shape[-1]:
        return False
    if torch.is_autocast_enabled('cpu'):
        can_compute = _CAN_COMPUTE.get(torch.get_autocast_dtype('cpu'))
        if can_compute is None or not can_compute():
            return False
        return tokens.is_floating_point() and tokens.dtype != torch.float64
    return tokens.dtype == weight.dtype == torch.float32
