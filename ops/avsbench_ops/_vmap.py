"""Batching rules: what torch.vmap maps over becomes more frames of one call."""

from collections.abc import Callable

import torch
from torch import Tensor

OPERATORS = (
    'ms_deform_attn',
    'ms_deform_attn_backward',
    'ms_deform_attn_fused',
    'ms_deform_attn_fused_backward',
)


def register() -> None:
    """Give the operators their rules; once, after the library is loaded."""
    for name in OPERATORS:
        torch.library.register_vmap(f'avsbench::{name}', _rule(getattr(torch.ops.avsbench, name)))


def _rule(operator: Callable) -> Callable:
    def rule(info, in_dims: tuple[int | None, ...], *arguments):
        size = info.batch_size
        inputs = list(zip(arguments, in_dims, strict=True))
        # Reference points alone may have one frame where the others have more.
        frames = max(
            tensor.shape[1 if dim == 0 else 0]
            for tensor, dim in inputs
            if isinstance(tensor, Tensor)
        )
        folded = [
            _fold(argument, dim, size, frames) if isinstance(argument, Tensor) else argument
            for argument, dim in inputs
        ]
        result = operator(*folded)
        if isinstance(result, Tensor):
            return result.unflatten(0, (size, frames)), 0
        return tuple(part.unflatten(0, (size, frames)) for part in result), (0,) * len(result)

    return rule


def _fold(tensor: Tensor, dim: int | None, size: int, frames: int) -> Tensor:
    """(size, N, ...) as (size * N, ...)."""
    tensor = tensor[None] if dim is None else tensor.movedim(dim, 0)
    return tensor.expand(size, frames, *tensor.shape[2:]).flatten(0, 1)
