"""Where names are written, and how long ones are broken into lines."""

import re
from collections.abc import Iterator

import cv2
import numpy as np

MIN_NAME_AREA = 0.002  # fraction of the image below which an object is not named


def wrapped(text: str, letters: int) -> str:
    """Break a line after spaces and the separators of ids, never inside a word.

    Args:
        text: One line.
        letters: Per line, unless a single word is longer.
    """
    lines = ['']
    for part in re.findall(r'[^\s/_]*[\s/_]*', text):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > letters:
            lines.append('')
        lines[-1] += part
    return '\n'.join(line.rstrip() for line in lines)


def name_places(mask: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """The innermost pixel of the largest part of each class.

    Args:
        mask: (H, W) integer; values below 0 are no class. Small objects are left out.

    Yields:
        Class index, column, row.
    """
    for index in np.unique(mask[mask >= 0]):
        _, parts, stats, _ = cv2.connectedComponentsWithStats((mask == index).astype(np.uint8))
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        if stats[largest, cv2.CC_STAT_AREA] < MIN_NAME_AREA * mask.size:
            continue
        inside = np.pad((parts == largest).astype(np.uint8), 1)  # the border is an edge, too
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        yield int(index), int(column), int(row)
