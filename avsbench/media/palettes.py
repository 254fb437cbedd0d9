"""What the values of a palette image stand for: the colours, not the numbers, are what it shows.

Programs that save or shrink images sort palettes as they like: white may come first, and unused
colours are dropped. So a number means what its colour means.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from avsbench.layouts.avss_classes import MAX_CLASSES, palette
from avsbench.media.faults import BrokenFileError
from avsbench.utils.errors import examples

VOID = 255
"""Label of a pixel that belongs to no class."""

Colour = tuple[int, int, int]

_BLACK = (0, 0, 0)
_PUBLISHED = {tuple(colour): index for index, colour in enumerate(palette(MAX_CLASSES).tolist())}
_PUBLISHED[224, 224, 192] = VOID  # PASCAL VOC's rule once more: pixels of no class


def mask_greys(image: Image.Image, path: str | Path) -> np.ndarray:
    """A palette image of one foreground as grey values (H, W) uint8, background 0.

    A palette of greys gives these; in one of colours black is the background, and the others are
    objects, which become 255.

    Args:
        image: Of mode P.
        path: Its file, for errors.

    Raises:
        BrokenFileError: None of several colours is black, or a value has no colour.
    """
    colours = used_colours(image, path)
    different = set(colours.values())
    if all(_grey(colour) is not None for colour in different):
        values = {index: colour[0] for index, colour in colours.items()}
    elif len(different) == 1 or _BLACK in different:
        values = {index: 255 * (colour != _BLACK) for index, colour in colours.items()}
    else:
        found = examples(sorted(different))
        what = f'{path}: several colours and none of them black, the background: {found}'
        raise BrokenFileError(what, 'mask form')
    return _replaced(image, values)


def label_indices(
    image: Image.Image, path: str | Path, num_classes: int, *, own_palette: bool = False
) -> np.ndarray:
    """A palette image of classes as class indices (H, W) uint8.

    The palette says what a value is: the published colours (PASCAL VOC's), or greys of the height
    of the index. Values whose colours are neither have no certain meaning.

    Args:
        image: Of mode P.
        path: Its file, for errors.
        num_classes: K; values whose colours are their own may be higher.
        own_palette: Whether the data set may have colours of its own, and 255 for no class: what
            has no certain meaning is then the class index as it is.

    Raises:
        BrokenFileError: The colours are no class, or a value has no colour.
    """
    colours = used_colours(image, path)
    if all(index in (_PUBLISHED.get(c), _grey(c)) for index, c in colours.items()):
        return np.asarray(image)
    meanings = [
        {index: meaning(colour) for index, colour in colours.items()}
        for meaning in (_PUBLISHED.get, _grey)
    ]
    known = [
        meaning
        for meaning in meanings
        if all(
            value is not None and (value < num_classes or own_palette and value == VOID)
            for value in meaning.values()
        )
    ]
    if not known or any(meaning != known[0] for meaning in known):
        if own_palette:
            return np.asarray(image)
        found = examples(f'{index} is {colour}' for index, colour in colours.items())
        what = f'{path}: its palette has neither the colours of the classes nor greys ({found})'
        raise BrokenFileError(what, 'label form')
    return _replaced(image, known[0])


def used_colours(image: Image.Image, path: str | Path) -> dict[int, Colour]:
    """The colour of every value that occurs in an image of mode P.

    Raises:
        BrokenFileError: A value has no colour.
    """
    table = np.reshape(image.getpalette('RGB'), (-1, 3)).tolist()
    used = np.flatnonzero(np.bincount(np.asarray(image).ravel())).tolist()
    if used and used[-1] >= len(table):
        what = f'{path}: value {used[-1]} in a palette of {len(table)} colours'
        raise BrokenFileError(what, 'broken mask')
    return {index: tuple(table[index]) for index in used}


def _grey(colour: Colour) -> int | None:
    return colour[0] if len(set(colour)) == 1 else None


def _replaced(image: Image.Image, values: dict[int, int]) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[list(values)] = list(values.values())
    return table[np.asarray(image)]
