"""Random numbers of a network by purpose, so that others can be put in their place.

A layer that draws keeps one of these functions as its attribute `draw`. A comparison with another
implementation replaces it by one that returns stored numbers.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Draw = Callable[[str, tuple[int, ...], torch.device], Tensor]
"""What is drawn for, the shape, and where to put the numbers."""


def uniform_draw(purpose: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Uniform numbers in [0, 1) of the global generator, float32; see `Draw`."""
    return torch.rand(shape, device=device)


def gumbel_draw(purpose: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Standard Gumbel noise of the global generator, float32; see `Draw`."""
    return torch.empty(shape, device=device).exponential_().log_().neg_()
