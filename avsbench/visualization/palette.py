"""Colours of classes that eyes can tell apart; those in mask files only encode the index.

The rule: of a grid of colours that are neither grey, nor nearly black or white, each class gets the
one that is farthest from those of the classes before it. The distance of two colours is that in
CIELAB (CIE76), and the smallest of three: half of it for usual vision, which sees more, and as
people without red or without green cones see them (Viénot, Brettel and Mollon 1999). The last few
classes count as nearer than they are: a data set lists related classes one after the other.
"""

import functools

import numpy as np

from avsbench.layouts.avss_classes import MAX_CLASSES, palette

GRID = 12  # steps of each channel
MIN_CHROMA = 30.0  # in CIELAB; frames under masks are drawn in grey
LIGHTNESS = (38.0, 88.0)
USUAL = 0.5  # factor of the distance for usual vision
RECENT, NEARER = 8, 0.6  # classes before, and the factor of the distance from them

# Of linear RGB, for usual vision, protanopia and deuteranopia.
_VISIONS = (
    np.eye(3),
    np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
)
_XYZ = np.array(  # of linear sRGB, for a white of 1
    [
        [0.43395, 0.37620, 0.18984],
        [0.21264, 0.71517, 0.07219],
        [0.01776, 0.10945, 0.87279],
    ]
)


@functools.lru_cache(maxsize=8)
def class_palette(count: int, *, background: bool = True) -> np.ndarray:
    """Colours by class index.

    Args:
        count: K.
        background: Whether the first class is the background, which is black.

    Returns:
        (K, 3) uint8, RGB, read-only.
    """
    steps = np.linspace(0, 255, GRID).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing='ij'), -1).reshape(-1, 3)
    usual = lab(grid)
    chroma = np.hypot(usual[:, 1], usual[:, 2])
    light = (usual[:, 0] >= LIGHTNESS[0]) & (usual[:, 0] <= LIGHTNESS[1])
    grid = grid[light & (chroma >= MIN_CHROMA)]
    seen = np.stack([lab(grid, vision) for vision in range(len(_VISIONS))])
    wanted = count - int(background)
    chosen = [int(np.argmax(seen[0, :, 0] + seen[0, :, 1]))][:wanted]  # a light and reddish one
    distances = [_from(seen, place) for place in chosen]
    while len(chosen) < wanted:
        far = np.stack(distances)
        far[-RECENT:] *= NEARER
        chosen.append(int(far.min(0).argmax()))
        distances.append(_from(seen, chosen[-1]))
    colours = np.concatenate([np.zeros((int(background), 3), np.uint8), grid[chosen]])
    colours.flags.writeable = False
    return colours


def display_palette(given: np.ndarray, *, background: bool = True) -> np.ndarray:
    """The colours that classes are drawn in, for a data set with such a palette.

    PASCAL VOC's colours, which mask files have, are replaced by `class_palette`: among them are
    greys, and many that look alike. Other colours are somebody's choice and stay.

    Args:
        given: (K, 3) uint8, RGB.
        background: Whether the first class is the background.

    Returns:
        (K, 3) uint8, RGB.
    """
    given = np.asarray(given, np.uint8)
    first = int(not background)
    encoded = palette(MAX_CLASSES)[first : first + len(given)]
    if np.array_equal(given, encoded):
        return class_palette(len(given), background=background)
    return given


def lab(colours: np.ndarray, vision: int = 0) -> np.ndarray:
    """CIELAB of colours.

    Args:
        colours: (..., 3) uint8, RGB.
        vision: 0 as usual, 1 without red cones, 2 without green cones.

    Returns:
        (..., 3) L, a, b.
    """
    linear = (np.asarray(colours, np.float64) / 255) ** 2.2
    xyz = np.clip(linear @ _VISIONS[vision].T, 0, 1) @ _XYZ.T
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _from(seen: np.ndarray, place: int) -> np.ndarray:
    """The smallest distance over the visions of each colour from that at `place`."""
    usual, *others = np.linalg.norm(seen - seen[:, place : place + 1], axis=-1)
    return np.minimum(USUAL * usual, np.min(others, axis=0))
