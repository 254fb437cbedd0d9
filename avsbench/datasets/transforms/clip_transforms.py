"""Transforms of whole clips: what is random is drawn once a clip, so all frames move alike.

Random numbers come from `numpy.random`, as in mmcv. The runner seeds it for every sample from the
run's seed, the epoch and the sample's index, so that the numbers differ between epochs and are the
same for any number of loader workers.
"""

from collections.abc import Callable

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from PIL import Image

from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError, DataError


@TRANSFORMS.register_module()
class ClipResize(BaseTransform):
    """Resize frames (Pillow's bilinear) and masks (nearest), without keeping the aspect.

    Args:
        size: (H, W) in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = check_size('ClipResize', size)

    def transform(self, results: dict) -> dict:
        """Change `frames`, `masks` and `img_shape`; nothing if they have that size already."""
        return resize_clip(results, self.size)


@TRANSFORMS.register_module()
class ClipShortSideCrop(BaseTransform):
    """Resize the shorter side, keeping the aspect, then cut the centre out (AVSS in training).

    The longer side becomes int(long * size / short); the cut starts at round((side - size) / 2),
    Python's round, which takes halves to the even number.

    Args:
        size: Side of the square in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = check_size('ClipShortSideCrop', (size, size))[0]

    def transform(self, results: dict) -> dict:
        """Change `frames`, `masks` and `img_shape`."""
        short = min(results['img_shape'])
        height, width = (int(side * self.size / short) for side in results['img_shape'])
        resize_clip(results, (height, width))
        top, left = round((height - self.size) / 2), round((width - self.size) / 2)
        return crop_clip(results, top, left, (self.size, self.size))


@TRANSFORMS.register_module()
class ClipRandomCrop(BaseTransform):
    """Cut one random window out of all frames and masks.

    Args:
        size: (H, W) in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = check_size('ClipRandomCrop', size)

    def transform(self, results: dict) -> dict:
        """Change `frames`, `masks` and `img_shape`.

        Raises:
            DataError: The clip is smaller than the window.
        """
        spare = [have - want for have, want in zip(results['img_shape'], self.size, strict=True)]
        if min(spare) < 0:
            raise DataError(
                f'{results["clip_id"]}: ClipRandomCrop(size={self.size}) of frames of (H, W) '
                f'{results["img_shape"]}; put ClipResize before it or take a smaller size'
            )
        return crop_clip(results, *self._draw(spare[0], spare[1]), self.size)

    @cache_randomness
    def _draw(self, spare_height: int, spare_width: int) -> tuple[int, int]:
        return np.random.randint(spare_height + 1), np.random.randint(spare_width + 1)


@TRANSFORMS.register_module()
class ClipRandomFlip(BaseTransform):
    """Mirror all frames and masks left to right; adds `flip`.

    Args:
        prob: Probability, 0 to 1.
    """

    def __init__(self, prob: float) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f'ClipRandomFlip: prob={prob!r}, expected a probability, 0 to 1')
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change `frames` and `masks`."""
        results['flip'] = self._draw()
        if results['flip']:
            _apply(results, lambda picture: picture[:, ::-1], lambda picture: picture[:, ::-1])
        return results

    @cache_randomness
    def _draw(self) -> bool:
        return bool(np.random.rand() < self.prob)


def resize_clip(results: dict, size: tuple[int, int]) -> dict:
    """Resize frames (bilinear) and masks (nearest) of a clip to (H, W), and set `img_shape`."""
    if tuple(results['img_shape']) != size:
        _apply(
            results,
            lambda frame: _resize(frame, size, Image.Resampling.BILINEAR),
            lambda mask: _resize(mask, size, Image.Resampling.NEAREST),
        )
        results['img_shape'] = size
    return results


def crop_clip(results: dict, top: int, left: int, size: tuple[int, int]) -> dict:
    """Cut a window of (H, W) out of frames and masks of a clip, and set `img_shape`."""

    def cut(picture: np.ndarray) -> np.ndarray:
        return picture[top : top + size[0], left : left + size[1]]

    _apply(results, cut, cut)
    results['img_shape'] = size
    return results


def check_size(name: str, size: tuple[int, int]) -> tuple[int, int]:
    """`size` as (H, W), or a `ConfigError` that says what was expected."""
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ConfigError(f'{name}: size={size!r}, expected whole numbers of pixels above 0')
    return tuple(size)


def _apply(results: dict, on_frame: Callable, on_mask: Callable) -> None:
    results['frames'] = [on_frame(frame) for frame in results['frames']]
    if 'masks' in results:
        results['masks'] = np.stack([on_mask(mask) for mask in results['masks']])


def _resize(picture: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(picture.resize(size[::-1], how))
