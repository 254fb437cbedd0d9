"""From score maps to masks: resizing, probabilities, and the one place that decides a pixel."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

THRESHOLD = 0.5
"""A pixel is foreground where the probability of the one class exceeds this."""

_BLOCK = 1 << 16  # pixels: running values of the argmax that stay in a core's cache


def resize(maps: Tensor, size: tuple[int, int], mode: str = 'bilinear') -> Tensor:
    """Maps (N, C, h, w) at another size (H, W): 'bilinear' for scores, 'nearest' for labels."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    corners = False if mode == 'bilinear' else None
    return interpolate(maps, size=tuple(size), mode=mode, align_corners=corners)


def probabilities(logits: Tensor) -> Tensor:
    """Probability of each class (N, K, H, W): sigmoid of one logit, softmax of several."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)


def foreground(
    probability: Tensor, threshold: float = THRESHOLD, inclusive: bool = False
) -> Tensor:
    """Where a probability exceeds the threshold: uint8 of the same shape, 0 and 1.

    Args:
        probability: In [0, 1].
        threshold: The same.
        inclusive: Whether the threshold itself is foreground, too.
    """
    return (probability >= threshold if inclusive else probability > threshold).byte()


def decide(maps: Tensor, *, are_logits: bool = True, inclusive: bool = False) -> Tensor:
    """The class of each pixel.

    Args:
        maps: (N, K, H, W) logits or probabilities. Of one class the foreground is decided; of
            several the largest counts, the first one of equals.
        are_logits: Whether they are logits.
        inclusive: Whether a probability of 0.5 is foreground, too.

    Returns:
        (N, H, W) uint8: 0 and 1, or the class index.
    """
    if maps.shape[1] > 1:
        return argmax_classes(maps)
    return foreground((probabilities(maps) if are_logits else maps)[:, 0], inclusive=inclusive)


def argmax_classes(maps: Tensor) -> Tensor:
    """The class of each pixel, as torch.argmax over the classes but several times faster on CPU.

    Equal values give the lowest class; a NaN counts as the largest value, as in torch.

    Args:
        maps: (N, K, H, W), K at most 256, any floating dtype and device.

    Returns:
        (N, H, W) uint8.

    Raises:
        ValueError: More classes than a uint8 can hold.
    """
    if maps.shape[1] > 256:
        raise ValueError(f'argmax_classes: {maps.shape[1]} classes, expected at most 256')
    classes_last = maps.stride(1) == 1 and maps.shape[1] > 1  # torch's own way is quick there
    if maps.device.type != 'cpu' or classes_last:
        return maps.argmax(1).to(torch.uint8)
    labels = torch.empty(len(maps), *maps.shape[2:], dtype=torch.uint8)
    rows = max(1, _BLOCK // max(1, maps.shape[3]))
    for frame, target in zip(maps.detach(), labels, strict=True):
        for block, out in zip(frame.split(rows, dim=1), target.split(rows), strict=True):
            if _running_argmax(block, out.numpy()):
                out.copy_(block.argmax(0))
    return labels


def _running_argmax(block: Tensor, out: np.ndarray) -> bool:
    """Write the argmax over the classes of `block` (K, h, w) to `out`; True if it holds a NaN.

    Later classes replace earlier ones only where they are strictly larger. As classes come in
    rising order, the replacement is itself a maximum.
    """
    wide = block if block.dtype in (torch.float32, torch.float64) else block.float()
    classes = wide.numpy()
    best = classes[0].copy()
    larger = np.empty(best.shape, bool)
    candidate = np.empty(best.shape, np.uint8)
    out[:] = 0
    for index in range(1, len(classes)):
        np.greater(classes[index], best, out=larger)
        np.maximum(best, classes[index], out=best)
        np.multiply(larger.view(np.uint8), np.uint8(index), out=candidate)
        np.maximum(out, candidate, out=out)
    return bool(np.isnan(best).any())
