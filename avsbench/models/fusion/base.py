"""What a fusion hands to a decode head."""

from typing import NamedTuple

from torch import Tensor


class FusionOutput(NamedTuple):
    """Map and audio after they met.

    Attributes:
        feature: (N, C, h, w).
        audio: (N, A, C).
        losses: Loss terms that the fusion brings along, by name (`loss_*`), weight included.
    """

    feature: Tensor
    audio: Tensor
    losses: dict[str, Tensor]
