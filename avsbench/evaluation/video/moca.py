"""Boxes and success rates on MoCA: how well a mask's box fits the annotated one.

The protocol of Motion Grouping (arXiv 2104.07658, github.com/charigyang/motiongrouping) as MED-VT
(arXiv 2304.05930) changed it: of several blobs the box with the most foreground counts, where
Motion Grouping takes the largest box.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

MOTIONS = ('locomotion', 'deformation', 'static')
SUCCESS_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
_BORDER_LEVEL = 127.5
_BORDER_SHARE = 0.5
_FOREGROUND_LEVEL = 25.5


class FrameScore(NamedTuple):
    """What is kept of an annotated frame: its IoU and the motion's place in `MOTIONS`."""

    iou: float
    motion: int


class MotionScore(NamedTuple):
    """Scores of some frames: mean IoU (-1 if there are none), frames above each threshold, frames.

    `successes` has one entry for each of `SUCCESS_THRESHOLDS`.
    """

    iou: float
    successes: tuple[int, ...]
    frames: int


def border_share(mask: np.ndarray) -> float:
    """Share of foreground among the pixels on the border of a frame, corners counted once.

    Args:
        mask: (H, W) uint8, foreground above 127.5.
    """
    border = np.ones(mask.shape, bool)
    border[1:-1, 1:-1] = False
    return float(np.mean(mask[border] > _BORDER_LEVEL))


def upright(mask: np.ndarray) -> np.ndarray:
    """The mask, inverted if more than half of the border is foreground.

    Args:
        mask: (H, W) uint8, 0 to 255.
    """
    return 255 - mask if border_share(mask) > _BORDER_SHARE else mask


def find_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Bounding box of the blob whose box holds the most foreground.

    Of equal ones that whose first pixel, row by row, comes last: the order of OpenCV's contours,
    of which the published code takes the first.

    Args:
        mask: (H, W) uint8, foreground above 25.5.

    Returns:
        (x, y, width, height) in pixels; None if there is no foreground.
    """
    foreground = (mask > _FOREGROUND_LEVEL).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(foreground, connectivity=8)
    if count == 1:
        return None
    left, top, width, height = stats[1:, :4].T
    sums = cv2.integral(foreground)
    right, bottom = left + width, top + height
    held = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    best = np.flatnonzero(held == held.max())

    def first_pixel(index: int) -> tuple[int, int]:
        return top[index], np.argmax(labels[top[index]] == index + 1)

    return tuple(stats[1 + max(best, key=first_pixel), :4].tolist())


def scaled_box(
    box: tuple[int, int, int, int], size: tuple[int, int], frame_size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A box found in a mask, in pixels of the frame.

    Args:
        box: (x, y, width, height).
        size: (H, W) of the mask.
        frame_size: (H, W) of the frame.

    Returns:
        (x0, y0, x1, y1).
    """
    across, down = frame_size[1] / size[1], frame_size[0] / size[0]
    x, y, width, height = box
    return x * across, y * down, (x + width) * across, (y + height) * down


def corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    """An annotated (x, y, width, height) as (x0, y0, x1, y1).

    Negative x and y become 0 before the width is added, as the published reader has it.
    """
    x, y, width, height = box
    x, y = max(x, 0), max(y, 0)
    return x, y, x + width, y + height


def box_iou(box: Sequence[float], other: Sequence[float]) -> float:
    """IoU of two boxes (x0, y0, x1, y1)."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (box, other)]
    return width * height / (sum(areas) - width * height)


def frame_iou(mask: np.ndarray, box: Sequence[float], frame_size: tuple[int, int]) -> float:
    """IoU of the box found in a mask with the annotated one, 0 if none is found.

    Args:
        mask: (H, W) uint8, 0 to 255, at any size.
        box: Annotated (x, y, width, height), in pixels of the frame.
        frame_size: (H, W) of the frame.
    """
    found = find_box(upright(mask))
    if found is None:
        return 0.0
    return box_iou(scaled_box(found, mask.shape, frame_size), corners(box))


def motion_scores(frames: Sequence[FrameScore]) -> dict[str, MotionScore]:
    """Scores of some frames: of each kind of motion and, as 'all', of all of them."""
    kinds = np.array([frame.motion for frame in frames], np.int64)
    ious = np.array([frame.iou for frame in frames])
    scores = {name: _score(ious[kinds == kind]) for kind, name in enumerate(MOTIONS)}
    return scores | {'all': _score(ious)}


def mean_iou(videos: Mapping[str, Sequence[FrameScore]]) -> float:
    """The reported number: mean over a video's annotated frames, then over the videos."""
    return float(np.mean([np.mean([frame.iou for frame in frames]) for frames in videos.values()]))


def success_rates(score: MotionScore) -> dict[float, float]:
    """Share of frames whose IoU is strictly above each threshold; -1 if there are none."""
    return {
        threshold: count / score.frames if score.frames else -1.0
        for threshold, count in zip(SUCCESS_THRESHOLDS, score.successes, strict=True)
    }


def _score(ious: np.ndarray) -> MotionScore:
    successes = tuple(int(np.count_nonzero(ious > limit)) for limit in SUCCESS_THRESHOLDS)
    return MotionScore(float(ious.mean()) if len(ious) else -1.0, successes, len(ious))
