"""Classes and colours of AVSBench-semantic (Zhou et al., arXiv 2301.13190)."""

import functools

import numpy as np

CLASSES = (
    'background accordion airplane axe baby bassoon bell bird boat boy bus car cat cello clarinet '
    'clipper clock dog donkey drum duck elephant emergency-car erhu flute frying-food girl goose '
    'guitar gun guzheng hair-dryer handpan harmonica harp helicopter hen horse keyboard leopard '
    'lion man marimba missile-rocket motorcycle mower parrot piano pig pipa saw saxophone sheep '
    'sitar sorna squirrel tabla tank tiger tractor train trombone truck trumpet tuba ukulele utv '
    'vacuum-cleaner violin wolf woman'
).split()
"""Class names in the order of their indices, 0 to 70."""

UNKNOWN = 255
"""Index of a colour that is not in the palette."""

MAX_CLASSES = 255


def palette(num_classes: int = len(CLASSES)) -> np.ndarray:
    """Colours of the first classes by PASCAL VOC's rule.

    Channel R collects bits 0, 3, 6 of the class index, G bits 1, 4, 7 and B bits 2, 5, 8, each
    placed from bit 7 downwards.

    Args:
        num_classes: K, at most 255.

    Returns:
        (K, 3) uint8, RGB.
    """
    if not 0 < num_classes <= MAX_CLASSES:
        raise ValueError(f'num_classes: got {num_classes}, expected 1 to {MAX_CLASSES}')
    index = np.arange(num_classes)[:, None]
    channel = np.arange(3)
    colours = np.zeros((num_classes, 3), np.uint8)
    for level in range(3):
        bit = index >> (3 * level + channel) & 1
        colours |= (bit << (7 - level)).astype(np.uint8)
    return colours


@functools.lru_cache(maxsize=2)  # 16 MB each; a run reads one data set
def colour_table(num_classes: int = len(CLASSES)) -> np.ndarray:
    """Class index of every 24-bit colour R + 256 G + 65536 B, `UNKNOWN` outside the palette.

    Args:
        num_classes: K, at most 255.

    Returns:
        (16777216,) uint8, read-only.
    """
    table = np.full(1 << 24, UNKNOWN, np.uint8)
    table[pack_colours(palette(num_classes))] = np.arange(num_classes)
    table.flags.writeable = False
    return table


def pack_colours(rgb: np.ndarray) -> np.ndarray:
    """R + 256 G + 65536 B of uint8 colours (..., 3), as uint32 (...)."""
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    return red | green << 8 | blue << 16


def unpack_colour(packed: int) -> tuple[int, int, int]:
    """(R, G, B) of a packed colour."""
    return packed & 255, packed >> 8 & 255, packed >> 16 & 255
