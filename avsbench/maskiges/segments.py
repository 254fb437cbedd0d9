"""Where the segments of a frame come from: files of any segmentation model, or superpixels."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from avsbench.maskiges.palette import MAX_SEGMENTS
from avsbench.media.faults import BrokenFileError
from avsbench.media.images import MAX_PIXELS
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import ARRAY_FILE_ERRORS
from avsbench.utils.text import read_json

MAX_VALUES = 1 << 31  # of all segments of a frame together
SUFFIXES = ('.npz', '.npy', '.json')
SCALE = 100  # of the superpixels: larger prefers larger ones
SIGMA = 0.8  # pixels of smoothing before
SUPERPIXELS = f'superpixels (Felzenszwalb-Huttenlocher, scale {SCALE}, sigma {SIGMA})'


def superpixels(frame: np.ndarray) -> np.ndarray:
    """Segments of a frame by the classical method of Felzenszwalb and Huttenlocher (IJCV 2004).

    Neighbouring regions are merged where the difference between them is not larger than the
    variation inside. It knows nothing of objects: Maskiges made with it let COMBO train and test
    without any download, but are not those of its published results. The same frame always gives
    the same segments under one version of scikit-image.

    Args:
        frame: (H, W, 3) uint8, RGB.

    Returns:
        (n, H, W) bool; each pixel is in exactly one segment. None is smaller than H W / 149
        pixels, so that all fit into the palette.

    Raises:
        ConfigError: The package scikit-image is not installed.
    """
    try:
        from skimage.segmentation import felzenszwalb
    except ImportError as error:
        raise ConfigError(
            '--source superpixels needs scikit-image: pip install scikit-image, or install the '
            "toolbox with its extra: pip install -e '.[maskiges]'"
        ) from error
    smallest = math.ceil(frame.shape[0] * frame.shape[1] / MAX_SEGMENTS)
    labels = felzenszwalb(frame, scale=SCALE, sigma=SIGMA, min_size=smallest, channel_axis=-1)
    return labels == np.arange(labels.max() + 1)[:, None, None]


def read_segments(path: str | Path) -> np.ndarray:
    """Segments of a frame from a file.

    `.npz` with an array `masks`, or with a single array, and `.npy`: (n, H, W) bool, or 0 and 1.
    `.json`: a list of objects that each have `segmentation` with `size` [H, W] and `counts`, the
    run lengths of COCO as text or as a list; or an object that has such a list as `annotations`.
    These are what the mask generators of Semantic-SAM, SAM and SAM 2 give
    (`output_mode='coco_rle'`).

    Args:
        path: The file.

    Returns:
        (n, H, W) bool; of no segments at all, H and W may be 0.

    Raises:
        BrokenFileError: The file can't be read, or holds something else.
        ConfigError: The package pycocotools, which compressed run lengths need, is not installed.
    """
    path = Path(path)
    try:
        if path.suffix == '.json':
            masks = _decode(read_json(path))
        else:
            masks = _array(np.load(path, mmap_mode='r', allow_pickle=False))
    except (DataError, *ARRAY_FILE_ERRORS) as error:
        reason = str(error) or type(error).__name__
        raise BrokenFileError(
            f'{path}: not readable as masks ({reason})', 'broken masks'
        ) from error
    return masks


def _array(content: Any) -> np.ndarray:
    if isinstance(content, np.lib.npyio.NpzFile):
        with content:
            names = content.files
            name = 'masks' if 'masks' in names else names[0] if len(names) == 1 else None
            if name is None:
                raise ValueError(f'it has no array "masks" but {", ".join(names) or "nothing"}')
            content = _member(content, name)
    _check_total(content.size)
    if content.ndim != 3:
        raise ValueError(f'an array of shape {content.shape}, expected (n, H, W)')
    if content.dtype != bool and (content.dtype.kind not in 'ui' or content.max(initial=0) > 1):
        raise ValueError(f'{content.dtype} values, expected bool, or whole numbers 0 and 1')
    if 0 in content.shape[1:] or content.min(initial=0) < 0:
        raise ValueError(f'an array of shape {content.shape}, {content.dtype}, that is no mask')
    return content.astype(bool)


def _member(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    """An array of an archive, whose header is read before any memory is asked for."""
    with archive.zip.open(f'{name}.npy') as file:
        first = np.lib.format.read_magic(file) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, _ = read(file)
    _check_total(math.prod(shape))
    return archive[name]


def _check_total(values: int) -> None:
    if values > MAX_VALUES:
        raise ValueError(f'{values} values, more than {MAX_VALUES} are refused')


def _decode(content: Any) -> np.ndarray:
    entries = content.get('annotations') if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise ValueError('expected a list of objects with "segmentation", or it as "annotations"')
    if not entries:
        return np.zeros((0, 0, 0), bool)
    sizes = [math.prod(map(int, entry['segmentation']['size'])) for entry in entries]
    _check_total(sum(min(size, MAX_PIXELS) for size in sizes))
    masks = [_decode_one(entry['segmentation']) for entry in entries]
    if len({mask.shape for mask in masks}) > 1:
        raise ValueError(f'masks of different sizes, {sorted({mask.shape for mask in masks})}')
    return np.stack(masks)


def _decode_one(rle: dict) -> np.ndarray:
    """One mask (H, W) bool from its run lengths, which go down the columns."""
    height, width = (int(side) for side in rle['size'])
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f'a mask of {height} x {width} pixels')
    if isinstance(rle['counts'], str):
        return _decompress(rle['counts'], height, width)
    runs = np.asarray(rle['counts'], np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f'run lengths that do not add up to {height} x {width} pixels')
    values = np.arange(len(runs)) % 2 == 1  # the first run is of zeros
    return np.repeat(values, runs).reshape(width, height).T


def _decompress(counts: str, height: int, width: int) -> np.ndarray:
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise ConfigError(
            'compressed run lengths need pycocotools: pip install pycocotools, or install the '
            "toolbox with its extra: pip install -e '.[maskiges]'"
        ) from error
    mask = coco.decode({'size': [height, width], 'counts': counts.encode('ascii')})
    # Of run lengths that end too early, pycocotools fills up the rest with whatever was in memory.
    if coco.encode(np.asfortranarray(mask))['counts'] != counts.encode('ascii'):
        raise ValueError(f'run lengths that are not those of a mask of {height} x {width} pixels')
    return mask.astype(bool)
