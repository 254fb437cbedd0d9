"""Masks and logits at the size of a picture."""

from torch import Tensor
from torch.nn.functional import interpolate


def enlarge(maps: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Maps (N, C, h, w) at another size (H, W): 'bilinear' for logits, 'nearest' for labels."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    corners = False if mode == 'bilinear' else None
    return interpolate(maps, size=tuple(size), mode=mode, align_corners=corners)
