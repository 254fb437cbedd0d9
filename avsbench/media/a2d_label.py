"""Reads the labels of A2D: MATLAB files of version 7.3, which are HDF5."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from avsbench.media.faults import BrokenFileError, absent
from avsbench.media.images import MAX_PIXELS
from avsbench.utils.errors import examples
from avsbench.utils.extras import OptionalModule

LABEL = 'reS_id'
_OLD_FORMAT = b'MATLAB 5.0 MAT-file'

h5py = OptionalModule('h5py', "reading A2D's labels")


def read_a2d_label(path: str, num_classes: int) -> np.ndarray:
    """The class index of every pixel, (H, W) uint8.

    Args:
        path: The file.
        num_classes: K; indices are 0 to K - 1.

    Raises:
        BrokenFileError: The file is missing, damaged, of an older format, or holds no such label.
        ConfigError: Without h5py.
    """
    with _opened(path) as data:
        values = data[()].T  # MATLAB stores columns first
    known = (values >= 0) & (values < num_classes) & (values == np.floor(values))
    if not known.all():
        found = examples(np.unique(values[~known]))
        what = f'{path}: class indices are 0 to {num_classes - 1}, found also {found}'
        raise BrokenFileError(what, 'broken mask')
    return np.ascontiguousarray(values.astype(np.uint8))


def probe_a2d_label(path: str) -> tuple[int, int]:
    """Size (H, W) of a label, from the file's head.

    Raises:
        BrokenFileError: See `read_a2d_label`.
        ConfigError: See `read_a2d_label`.
    """
    with _opened(path) as data:
        width, height = data.shape
    return height, width


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Any]:
    """The file's label, a `h5py.Dataset` (W, H)."""
    try:
        with open(path, 'rb') as file:
            if file.read(len(_OLD_FORMAT)) == _OLD_FORMAT:
                what = f'{path}: a MATLAB file of an old format, one of version 7.3 is expected'
                raise BrokenFileError(what, 'old label file')
        with h5py.File(path, 'r') as file:
            data = file.get(LABEL)
            if not isinstance(data, h5py.Dataset) or data.ndim != 2 or data.dtype.kind not in 'fiu':
                found = ', '.join(file) or 'nothing'
                what = f'{path}: a matrix {LABEL} of numbers was expected, the file holds {found}'
                raise BrokenFileError(what, 'broken mask')
            if data.size > MAX_PIXELS:
                what = (
                    f'{path}: claims to have {data.size} pixels, more than {MAX_PIXELS} are refused'
                )
                raise BrokenFileError(what, 'broken mask')
            yield data
    except FileNotFoundError as error:
        raise BrokenFileError(absent(path), 'missing file') from error
    # h5py's for a damaged file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        what = f'{path}: not a whole MATLAB file of version 7.3 ({error})'
        raise BrokenFileError(what, 'broken mask') from error
