"""Predicted masks as other systems save them: what an image stands for."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from avsbench.layouts.avss_classes import palette
from avsbench.media.faults import BrokenFileError
from avsbench.media.images import (
    read_binary_mask,
    read_colour_label,
    read_frame,
    read_grey_mask,
    read_index_label,
)
from avsbench.utils.errors import DataError

_COLOUR_MODES = ('RGB', 'RGBA')
_BLOCK = 1 << 14  # colours at once, when the nearest one is sought

_Result = TypeVar('_Result')


def read_prediction(path: Path, num_classes: int | None, *, nearest_colour: bool) -> np.ndarray:
    """A predicted mask as (H, W) uint8: 0 and 1, or class indices.

    Args:
        path: Of one foreground: two values, black is background; grey, a palette or colours. Of
            classes: indices, a palette, or the colours of AVSBench-semantic.
        num_classes: K, None for one foreground.
        nearest_colour: Take the nearest class for a colour that none has, as resizing makes them.

    Raises:
        DataError: The image is broken, or its values mean nothing.
    """
    if num_classes is None:
        if _mode(path) in _COLOUR_MODES:
            return _binary_of_colours(path)
        remedy = 'save masks of two values, black and white; maps go to --probabilities'
        return _attempt(lambda: read_binary_mask(path), remedy)
    if _mode(path) not in _COLOUR_MODES:
        remedy = f'save class indices from 0 to {num_classes - 1}, or the colours of the classes'
        return _attempt(lambda: read_index_label(path, num_classes), remedy)
    if nearest_colour:
        return _nearest_colours(path, num_classes)
    remedy = (
        'where resizing has mixed colours, as the published code does when it saves masks of '
        'AVSBench-semantic, --nearest-colour takes the nearest class'
    )
    return _attempt(lambda: read_colour_label(path, num_classes), remedy)


def read_probability(path: Path) -> np.ndarray:
    """A map of 8-bit probabilities (255 p) as (H, W) uint8.

    Raises:
        DataError: The image is broken, or not of 8-bit grey.
    """
    if _mode(path) != 'L':
        raise DataError(f'{path}: mode {_mode(path)}, expected a probability as grey of 8 bits')
    return _attempt(lambda: read_frame(path)[..., 0], 'save the file again')


def _mode(path: Path) -> str:
    try:
        with Image.open(path) as image:
            return image.mode
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f'{path}: not a whole image ({error}); save the file again') from error


def _attempt(read: Callable[[], _Result], remedy: str) -> _Result:
    """What `read` gives; its fault with a remedy for predictions, not for data sets."""
    try:
        return read()
    except BrokenFileError as error:
        raise DataError(f'{error.what}; {remedy}') from error


def _binary_of_colours(path: Path) -> np.ndarray:
    pixels = _attempt(lambda: read_frame(path), 'save the file again')
    colours = np.unique(pixels.reshape(-1, 3), axis=0)
    bright = colours[colours.any(1)]
    if len(bright) > 1:
        raise DataError(
            f'{path}: {len(bright)} colours beside black, such as {tuple(bright[0].tolist())} and '
            f'{tuple(bright[1].tolist())}; save masks of two values, black and white'
        )
    return read_grey_mask(path, 1) if not len(bright) else pixels.any(2).astype(np.uint8)


def _nearest_colours(path: Path, num_classes: int) -> np.ndarray:
    pixels = _attempt(lambda: read_frame(path), 'save the file again')
    colours, places = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    known = palette(num_classes).astype(np.int32)
    nearest = np.concatenate(
        [
            ((part[:, None].astype(np.int32) - known) ** 2).sum(2).argmin(1)
            for part in np.split(colours, range(_BLOCK, len(colours), _BLOCK))
        ]
    )
    return nearest.astype(np.uint8)[places].reshape(pixels.shape[:2])
