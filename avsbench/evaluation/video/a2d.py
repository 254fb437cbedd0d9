"""MED-VT's metric of actor-action segmentation on A2D (arXiv 2304.05930)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

BACKGROUND = 0


class A2DScores(NamedTuple):
    """The two published means.

    Attributes:
        mean: Mean over a video's frames, then over videos, as MED-VT's branch `main` reports.
        last_frame: Mean over videos of the last annotated frame alone, as its branch `medvt`
            reports; there, which frame is last depends on the order of a directory listing, here
            it is the last of the video.
    """

    mean: float
    last_frame: float


def frame_value(pred: np.ndarray, label: np.ndarray) -> float:
    """Pixels of the right class among those that are not background in label or prediction.

    Args:
        pred: (H, W) predicted class of each pixel, 0 for background.
        label: (H, W) labelled class.

    Returns:
        NaN if both are background everywhere.
    """
    foreground = (pred != BACKGROUND) | (label != BACKGROUND)
    pixels = np.count_nonzero(foreground)
    # Where label and prediction agree, one of them being foreground makes both foreground.
    return np.count_nonzero((pred == label) & foreground) / pixels if pixels else float('nan')


def mean_scores(videos: Mapping[str, Sequence[float]], skip_empty: bool = True) -> A2DScores:
    """Both means of a set.

    Args:
        videos: Values of each video's annotated frames, in order; at least one for each.
        skip_empty: Leave frames without any foreground (NaN) out, and videos that have only
            such frames. False is the published rule, which makes the mean NaN.
    """
    kept = {name: np.asarray(values, np.float64) for name, values in videos.items()}
    if skip_empty:
        kept = {name: values[~np.isnan(values)] for name, values in kept.items()}
        kept = {name: values for name, values in kept.items() if len(values)}
    if not kept:
        return A2DScores(float('nan'), float('nan'))
    return A2DScores(
        float(np.mean([values.mean() for values in kept.values()])),
        float(np.mean([values[-1] for values in kept.values()])),
    )
