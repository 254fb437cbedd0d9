"""Reads the masks of a clip, in whatever way they are stored."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from avsbench.datasets.clip_info import ClipInfo, ClipResults
from avsbench.datasets.transforms.image_sizes import compare_size, size_error
from avsbench.media.a2d_label import probe_a2d_label, read_a2d_label
from avsbench.media.faults import ClipCheck
from avsbench.media.images import (
    probe_image,
    probe_mask,
    read_binary_mask,
    read_colour_label,
    read_grey_mask,
    read_index_label,
    read_numbered_label,
)
from avsbench.utils.checks import check_choice


class MaskReader:
    """Reads masks.

    Args:
        grey: As in `LoadFrames`.
        unknown_colour: As in `LoadFrames`.
        owner: Name of the transform that it reads for, for errors.
        mask_size: As in `LoadFrames`.
    """

    def __init__(
        self, grey: str, unknown_colour: str, owner: str, mask_size: str = 'error'
    ) -> None:
        self.grey = check_choice(f'{owner}: grey', grey, ('error', 'foreground'))
        self.unknown_colour = check_choice(
            f'{owner}: unknown_colour', unknown_colour, ('error', 'background')
        )
        check_choice(f'{owner}: mask_size', mask_size, ('error', 'separate'))
        self.separate = mask_size == 'separate'

    def read_clip(self, info: ClipResults) -> np.ndarray:
        """The masks of a clip whose frames have the size `ori_shape`, (T, H, W) uint8.

        They have the size of the frames, unless masks may be of another one.
        """
        other, shape = info['frame_paths'][0], info['ori_shape']
        found = {}
        for place, path in enumerate(info['mask_paths']):
            if path is None:
                continue
            found[place] = self.read(path, info['mask_coding'], info['num_classes'])
            if self.separate and len(found) == 1:
                other, shape = path, found[place].shape
            if found[place].shape != shape:
                raise size_error(path, found[place].shape, other, shape)
        masks = np.zeros((len(info['mask_paths']), *shape), np.uint8)
        for place, mask in found.items():
            masks[place] = mask
        return masks

    def read(self, path: str, coding: str, num_classes: int | None) -> np.ndarray:
        """One mask as (H, W) uint8.

        Args:
            path: Its file.
            coding: A key of `MASK_CODINGS`.
            num_classes: K of class labels.
        """
        return MASK_CODINGS[coding].read(path, num_classes, self)

    def check_clip(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """Note what is wrong with the masks of a clip."""

        def measure(path: str) -> tuple[int, int]:
            if full:
                return self.read(path, info['mask_coding'], info['num_classes']).shape
            return MASK_CODINGS[info['mask_coding']].probe(path)

        of_frames = found.first_image
        if self.separate:
            found.first_image = None  # masks are compared with each other
        for path in filter(None, info['mask_paths']):
            compare_size(path, found.attempt(measure, path), found)
        if self.separate:
            found.first_image = of_frames


class MaskCoding(NamedTuple):
    """A way in which masks are stored.

    Attributes:
        read: (path, K of class labels, the reader with its options) -> (H, W) uint8.
        probe: (path) -> (H, W), from the head of the file.
    """

    read: Callable[[str, int | None, MaskReader], np.ndarray]
    probe: Callable[[str], tuple[int, int]] = functools.partial(probe_image, kind='broken mask')


def _read_binary(path: str, num_classes: None, options: MaskReader) -> np.ndarray:
    return read_binary_mask(path, grey=options.grey)


def _read_index(path: str, num_classes: int, options: MaskReader) -> np.ndarray:
    return read_index_label(path, num_classes, unknown_colour=options.unknown_colour)


def _read_colour(path: str, num_classes: int, options: MaskReader) -> np.ndarray:
    return read_colour_label(path, num_classes, unknown_colour=options.unknown_colour)


def _read_nonzero(path: str, num_classes: None, options: MaskReader) -> np.ndarray:
    return read_grey_mask(path, 1)


def _read_grey80(path: str, num_classes: None, options: MaskReader) -> np.ndarray:
    return read_grey_mask(path, 80)


def _read_vspw(path: str, num_classes: int, options: MaskReader) -> np.ndarray:
    return read_numbered_label(path, num_classes)


def _read_a2d(path: str, num_classes: int, options: MaskReader) -> np.ndarray:
    return read_a2d_label(path, num_classes)


MASK_CODINGS = {
    'binary': MaskCoding(_read_binary, functools.partial(probe_mask, what='mask')),
    'index': MaskCoding(_read_index, functools.partial(probe_mask, what='label')),
    'palette': MaskCoding(_read_colour),
    'nonzero': MaskCoding(_read_nonzero),
    'grey80': MaskCoding(_read_grey80),
    'vspw': MaskCoding(_read_vspw, functools.partial(probe_mask, what='label')),
    'a2d_mat': MaskCoding(_read_a2d, probe_a2d_label),
}
"""Name of a coding -> how it is read.

'binary' is one foreground of one value, 'nonzero' one of any colour but black, 'grey80' one of grey
80 (of 255) or brighter; 'index' has class indices and 'palette' the classes' colours; 'vspw' has
class numbers from 1, and 'a2d_mat' class indices in a file of MATLAB's.
"""
