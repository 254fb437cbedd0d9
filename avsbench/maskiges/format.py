"""The published format of a Maskige.

Segments are ranked by area, the smallest first. A pixel's value is 1 + the rank of the smallest
segment that covers it, 0 where none does. The file is an 8-bit palette PNG.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from avsbench.maskiges.palette import MAX_SEGMENTS, PALETTE
from avsbench.media.faults import BrokenFileError
from avsbench.media.images import palette_image, probe_image
from avsbench.utils.files import atomic_write

SOURCE_KEY = 'avsbench:segments'  # of the text in the file that says where its segments are from


def rank_map(masks: np.ndarray) -> tuple[np.ndarray, int]:
    """Pixel values of the Maskige of some segments.

    A palette of 150 colours has room for 149 segments. Of more, the smallest are left out; their
    pixels belong to the next larger segment that covers them, if there is one.

    Args:
        masks: (n, H, W) bool, in any order, overlapping or not; segments of equal area keep theirs.

    Returns:
        (H, W) uint8, 0 to 149, and the number of segments that were left out, empty ones apart.
    """
    areas = masks.sum(axis=(1, 2))
    order = np.argsort(areas, kind='stable')
    excess = max(0, len(order) - MAX_SEGMENTS)
    values = np.zeros(masks.shape[1:], np.uint8)
    for rank, index in reversed(list(enumerate(order[excess:]))):
        values[masks[index]] = rank + 1  # smaller ones are painted over larger ones
    return values, int((areas[order[:excess]] > 0).sum())


def save_maskige(path: str | Path, values: np.ndarray, source: str) -> None:
    """Write a Maskige atomically.

    Args:
        path: The file.
        values: (H, W) uint8 as `rank_map` makes them.
        source: What made the segments, kept in the file for `is_good`.
    """
    text = PngInfo()
    text.add_text(SOURCE_KEY, source)
    with atomic_write(path) as temporary:
        palette_image(values, PALETTE).save(temporary, format='PNG', pnginfo=text)


def is_good(path: str | Path, size: tuple[int, int]) -> str | None:
    """Where the segments of a Maskige are from; None if the file must be made (again).

    Args:
        path: The file.
        size: (H, W) that it must have.

    Returns:
        `source` of `save_maskige`, '' for a whole image that something else made, None for one
        that is missing, cut off, without a palette or of another size.
    """
    try:
        if probe_image(path, 'broken Maskige', 'missing Maskige') != tuple(size):
            return None
        with Image.open(path) as image:
            return image.info.get(SOURCE_KEY, '') if image.mode == 'P' else None
    except (BrokenFileError, OSError):
        return None
