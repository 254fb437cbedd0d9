"""Reads the Maskiges of a clip."""

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import AudioClipInfo, ClipResults
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.media.images import probe_image, read_frame
from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError


@TRANSFORMS.register_module()
class LoadMaskiges(BaseTransform):
    """Read the Maskiges of a clip: images in which every segment of a frame has a colour.

    Segments are of any kind; `avsbench data maskiges` makes the images. Geometric transforms
    that come later treat them as frames, and `PackAVSInputs` puts them behind the frames on the
    channel axis.

    Needs `maskige_paths` and `img_shape`. Adds `maskiges` (list of T arrays (H, W, 3) uint8, RGB).

    Place it where the frames are what the Maskiges were made of: behind `LoadClip` for S4 and MS3,
    behind the published cut (`ClipShortSideCrop`, `ClipResize`) for AVSS; before anything random.

    Args:
        size: (H, W) of the Maskiges in pixels; None for that of the frames on disk.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = None if size is None else tuple(size)

    def transform(self, results: ClipResults) -> ClipResults:
        """Add `maskiges`; a `BrokenFileError` names the Maskige that can't be used."""
        if 'img_shape' not in results or 'flip' in results:
            place = 'after' if 'img_shape' not in results else 'before'
            other = 'LoadClip' if place == 'after' else 'ClipRandomFlip'
            raise ConfigError(f'LoadMaskiges: must come {place} {other} in the pipeline')
        wanted = self.size or tuple(results['ori_shape'])
        if tuple(results['img_shape']) != wanted:
            raise ConfigError(
                f'LoadMaskiges: its images are {wanted} (H, W), the frames at this place of the '
                f'pipeline {tuple(results["img_shape"])}; move it, or set its size'
            )
        maskiges = [_read_maskige(path) for path in results['maskige_paths']]
        for path, maskige in zip(results['maskige_paths'], maskiges, strict=True):
            _check_maskige_size(path, maskige.shape[:2], wanted)
        results['maskiges'] = maskiges
        return results

    def check(self, info: AudioClipInfo, found: ClipCheck, *, full: bool) -> None:
        """See `avsbench.datasets.validation.ChecksFiles`."""
        wanted = self.size or (found.first_image and found.first_image[1])

        def check_one(path: str) -> None:
            size = _read_maskige(path).shape[:2] if full else probe_image(path, *_MASKIGE_FAULTS)
            if wanted is not None:
                _check_maskige_size(path, size, wanted)

        for path in info['maskige_paths']:
            found.attempt(check_one, path)


_MASKIGE_FAULTS = ('broken Maskige', 'missing Maskige')


def _read_maskige(path: str) -> np.ndarray:
    return read_frame(path, *_MASKIGE_FAULTS)


def _check_maskige_size(path: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    if tuple(size) != tuple(wanted):
        have, want = (f'{width} x {height}' for height, width in (size, wanted))
        raise BrokenFileError(f'{path}: {have} pixels, expected {want}', 'broken Maskige')
