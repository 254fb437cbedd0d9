"""Dropout whose random numbers cost a CPU little.

PyTorch draws a number for each value; on a CPU that took a tenth of a training step. Here one draw
of 64 bits decides about four values, and a byte of each is kept for the gradient.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_STEPS = 2**16  # of a probability: 16 bits decide about a value


def dropout(values: Tensor, p: float) -> Tensor:
    """Set values to zero with a probability, and divide the others by the probability to stay.

    On a CPU the probability is rounded to 1 / 65536, and so is the factor.

    Args:
        values: Of any shape.
        p: The probability.

    Returns:
        Of the shape and type of the values.
    """
    threshold = round(p * _STEPS)
    unknown = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if values.device.type != 'cpu' or unknown or threshold in (0, _STEPS):
        return F.dropout(values, p)
    draws = torch.empty((values.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[: values.numel()]  # from -_STEPS / 2 on
    kept = (bits >= threshold - _STEPS // 2).view(torch.uint8).view(values.shape)
    return (values * kept).mul_(_STEPS / (_STEPS - threshold))


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, computed by `dropout`.

    Args:
        p: Probability of a zero.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def forward(self, input: Tensor) -> Tensor:
        """Drop values in training."""
        return dropout(input, self.p) if self.training and self.p else input
