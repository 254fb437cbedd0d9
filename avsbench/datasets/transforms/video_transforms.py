"""Geometry of clips of videos without sound, as MED-VT (github.com/rkyuca/medvt) has it.

Random values are drawn once per clip, from `numpy.random`, see `clip_transforms`. Masks are
resized as torch does: each new pixel takes the old one under its upper left corner.
"""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from avsbench.datasets.clip_info import ClipResults
from avsbench.datasets.transforms.clip_transforms import (
    check_sides,
    check_size,
    crop_clip,
    fitted_size,
    resize_clip,
)
from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.maps import resize


@TRANSFORMS.register_module()
class ClipResizeShorter(BaseTransform):
    """Resize so that the shorter side has a given length, or one drawn for the clip.

    Args:
        shorter: Length of the shorter side in pixels, or several, all as likely.
        longest: The longer side does not exceed this; the shorter one is reduced with it.
        masks: Whether masks are resized with the frames, instead of keeping their size.
    """

    def __init__(
        self, shorter: int | Sequence[int], longest: int | None = None, masks: bool = True
    ) -> None:
        sides = (shorter,) if isinstance(shorter, int) else shorter
        if not sides:
            raise ConfigError('ClipResizeShorter: shorter is empty, expected lengths')
        self.shorter = check_sides('ClipResizeShorter: shorter', sides)
        self.longest = longest
        if longest is not None:
            check_sides('ClipResizeShorter: longest', (longest,))
        self.resize_mask = corner_nearest if masks else None

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames` and `img_shape`, and `masks` where asked for."""
        size = shorter_side_size(results['img_shape'], self._draw(), self.longest)
        return resize_clip(results, size, self.resize_mask)

    @cache_randomness
    def _draw(self) -> int:
        return self.shorter[np.random.randint(len(self.shorter))]


@TRANSFORMS.register_module()
class ClipRandomScale(BaseTransform):
    """Resize into a frame of a random multiple of a size, keeping the aspect.

    mmsegmentation's `RandomResize`, as CFFM (arXiv 2204.03330) applies it to VSPW.

    Args:
        size: Shorter and longer side of that frame in pixels.
        ratio_range: Smallest and largest factor of both.
    """

    def __init__(self, size: tuple[int, int], ratio_range: tuple[float, float]) -> None:
        self.size = check_size('ClipRandomScale', size)
        low, high = ratio_range
        if not 0 < low <= high:
            raise ConfigError(
                f'ClipRandomScale: ratio_range=({low}, {high}), expected two factors above 0, the '
                'smaller first'
            )
        self.ratio_range = (low, high)

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`."""
        ratio = self._draw()
        short, long = sorted(int(side * ratio) for side in self.size)
        size = fitted_size(results['img_shape'], short, long)
        return resize_clip(results, size, corner_nearest)

    @cache_randomness
    def _draw(self) -> float:
        return np.random.uniform(*self.ratio_range)


@TRANSFORMS.register_module()
class ClipRandomSizedCrop(BaseTransform):
    """Cut one random window of random height and width out of all frames and masks.

    Args:
        smallest: Shortest side of the window in pixels.
        largest: Longest side of the window in pixels; the image may end before.
    """

    def __init__(self, smallest: int = 480, largest: int = 750) -> None:
        self.smallest, self.largest = check_sides(
            'ClipRandomSizedCrop: (smallest, largest)', (smallest, largest)
        )
        if smallest > largest:
            raise ConfigError(f'ClipRandomSizedCrop: smallest={smallest} exceeds largest={largest}')

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`.

        Raises:
            DataError: A side of the clip is shorter than `smallest`.
        """
        height, width = results['img_shape']
        if min(height, width) < self.smallest:
            raise DataError(
                f'{results["clip_id"]}: ClipRandomSizedCrop(smallest={self.smallest}) of frames '
                f'of (H, W) {(height, width)}; put ClipResizeShorter before it, or take a smaller '
                'window'
            )
        top, left, *size = self._draw(height, width)
        return crop_clip(results, top, left, tuple(size))

    @cache_randomness
    def _draw(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of a window."""
        size = [
            np.random.randint(self.smallest, min(side, self.largest) + 1)
            for side in (height, width)
        ]
        top, left = (
            np.random.randint(side - length + 1)
            for side, length in zip((height, width), size, strict=True)
        )
        return top, left, *size


@TRANSFORMS.register_module()
class ClipResizeMasks(BaseTransform):
    """Resize the masks alone, whatever the aspect: for frames that the network resizes itself.

    Args:
        size: (H, W) in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = check_size('ClipResizeMasks', size)

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `masks`."""
        results['masks'] = np.stack([corner_nearest(mask, self.size) for mask in results['masks']])
        return results


def shorter_side_size(
    size: tuple[int, int], shorter: int, longest: int | None = None
) -> tuple[int, int]:
    """Size of an image after its shorter side was resized, keeping the aspect.

    Args:
        size: (H, W) before.
        shorter: Length of the shorter side.
        longest: The longer side does not exceed this, or None. Where it would, the shorter side
            is rounded to the nearest whole number, halves to the even one.

    Returns:
        (H, W); the longer side is rounded down.
    """
    low, high = min(size), max(size)
    if longest is not None and high / low * shorter > longest:
        shorter = round(longest * low / high)
    if low == shorter:
        return tuple(size)
    height, width = (shorter if side == low else int(shorter * side / low) for side in size)
    return height, width


def corner_nearest(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) at another size: each new pixel takes the old one under its corner."""
    return resize(torch.from_numpy(mask)[None, None], size, 'nearest')[0, 0].numpy()
