"""Tensors that depend on sizes alone are made once for each of them."""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._guards import detect_fake_mode

KEPT = 32  # tensors of each function; those of a network at two sizes or so


def kept_by_arguments(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Decorate a function of plain values, so that equal calls return the same tensor.

    On a GPU a code of positions is a dozen launches that compute the same in every step. The
    tensor must not be written to. In a graph that is being traced the function runs as it is: there
    it costs nothing, and a tensor of the trace must not outlive it.

    Args:
        make: Computes a tensor without gradient from hashable arguments; one of them is `device`.
    """
    kept: OrderedDict[tuple, Tensor] = OrderedDict()

    @functools.wraps(make)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        if torch.compiler.is_compiling() or torch.jit.is_tracing() or detect_fake_mode():
            return make(*args, **kwargs)
        key = (args, tuple(sorted(kwargs.items())), torch.get_default_device())
        found = kept.get(key)
        if found is None:
            # A tensor of the inference mode could not take part in a training later.
            with torch.inference_mode(False), torch.no_grad():
                found = make(*args, **kwargs)
            kept[key] = found
            if len(kept) > KEPT:
                kept.popitem(last=False)
        return found

    return call
