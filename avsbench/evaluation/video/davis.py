"""J and F of the DAVIS benchmark for a single object, and their statistics over a video.

Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR
2016 (github.com/davisvideochallenge/davis2017-evaluation, BSD, gives the same numbers with one
object). J is `masks.mask_iou`. The official numbers leave out the first and the last frame of each
video; MED-VT's mean IoU, which papers on DAVIS'16 also quote, leaves out none.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

RADIUS_SHARE = 0.008  # of the frame's diagonal
RECALL_THRESHOLD = 0.5
_QUARTERS = 4


class VideoStatistics(NamedTuple):
    """Statistics of a video's values; NaN if there are none.

    Attributes:
        mean: Of all values.
        recall: Share of values strictly above 0.5.
        decay: Mean of the first quarter less mean of the last.
    """

    mean: float
    recall: float
    decay: float


def boundary_map(mask: np.ndarray) -> np.ndarray:
    """Pixels that differ from their right, lower or lower right neighbour.

    The boundary is one pixel wide, on the upper left side. The last row looks to the right only,
    the last column downwards only.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) bool.
    """
    out = np.zeros_like(mask)
    out[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    out[:-1] |= mask[:-1] ^ mask[1:]
    out[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return out


def boundary_radius(height: int, width: int) -> int:
    """How far boundaries may be apart and still match, in pixels; 8 at 480 x 854."""
    return math.ceil(RADIUS_SHARE * math.hypot(height, width))


def boundary_f(pred: np.ndarray, target: np.ndarray) -> float:
    """F-measure of the boundary of a predicted mask.

    Args:
        pred: (H, W) bool.
        target: (H, W) bool.
    """
    edges, true_edges = boundary_map(pred), boundary_map(target)
    found, wanted = np.count_nonzero(edges), np.count_nonzero(true_edges)
    if not found or not wanted:
        # Recall or precision of nothing counts as 1, the other one as 0.
        return float(found == wanted)
    disk = _disk(boundary_radius(*pred.shape))
    precision = np.count_nonzero(edges & _dilated(true_edges, disk)) / found
    recall = np.count_nonzero(true_edges & _dilated(edges, disk)) / wanted
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def video_statistics(values: np.ndarray, eight_bit_limits: bool = False) -> VideoStatistics:
    """Mean, recall and decay of a video's values.

    Quarters share the value at their common limit.

    Args:
        values: (n,) J or F of the frames, first and last frame already left out.
        eight_bit_limits: Keep the limits of the quarters in 8 bits as the published code does: a
            video of more than 255 values gets a decay that is wrong or NaN. No DAVIS video has.
    """
    if not len(values):
        return VideoStatistics(math.nan, math.nan, math.nan)
    values = np.asarray(values, np.float64)
    limits = np.round(np.linspace(1, len(values), _QUARTERS + 1) + 1e-10).astype(np.int64) - 1
    stops = limits[1:] + 1
    if eight_bit_limits:
        limits, stops = limits & 255, ((limits[1:] & 255) + 1) & 255
    first, last = values[limits[0] : stops[0]], values[limits[-2] : stops[-1]]
    decay = first.mean() - last.mean() if len(first) and len(last) else math.nan
    recall = np.mean(values > RECALL_THRESHOLD)
    return VideoStatistics(float(values.mean()), float(recall), float(decay))


@lru_cache
def _disk(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (x**2 + y**2 <= radius**2).astype(np.uint8)


def _dilated(edges: np.ndarray, disk: np.ndarray) -> np.ndarray:
    return cv2.dilate(edges.view(np.uint8), disk).view(bool)
