"""How MED-VT (arXiv 2304.05930) averages the IoU of frames on YouTube-Objects."""

from collections.abc import Mapping, Sequence

import numpy as np


def class_means(
    frame_ious: Mapping[tuple[str, str], Sequence[float]],
) -> tuple[dict[str, float], float]:
    """Mean over a sequence's frames, over a class's sequences, over the classes.

    Args:
        frame_ious: (class, sequence) -> IoU of all frames with a mask, those of its shots pooled.
            A sequence without any is left out: the published code divides by zero there.

    Returns:
        Mean of each class, by name, and their mean; NaN if there is none.
    """
    sequences: dict[str, list[float]] = {}
    for (category, _), values in sorted(frame_ious.items()):
        if len(values):
            sequences.setdefault(category, []).append(float(np.mean(values)))
    classes = {category: float(np.mean(means)) for category, means in sequences.items()}
    return classes, float(np.mean(list(classes.values()))) if classes else float('nan')
