"""Copies between host and device: those to the device don't wait, those back do."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def send(values: Any, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """Numbers of the host as a tensor on a device, without waiting for what the device is doing.

    Args:
        values: A number, nested lists, or a numpy array.
        device: Where they are needed.
        dtype: Theirs; None derives it from the values.
    """
    device = torch.device(device)
    if device.type == 'cpu' or torch.compiler.is_compiling():
        return torch.tensor(values, dtype=dtype, device=device)
    return torch.tensor(values, dtype=dtype, pin_memory=True).to(device, non_blocking=True)


def fetch(values: Tensor) -> np.ndarray:
    """A tensor as an array of the host; waits until the device has computed it."""
    return values.detach().cpu().numpy()
