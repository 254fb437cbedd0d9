"""Geometry of whole clips: random values are drawn once per clip, so all frames move alike.

Maskiges, where they were loaded, move as frames do, and are resized as images; the masks of an
earlier stage move as frames do, too, and are resized as masks.

Random numbers come from `numpy.random`, as in mmcv. The runner seeds it for every sample from the
run's seed, the epoch and the sample's index, so that the numbers differ between epochs and are the
same for any number of loader workers.
"""

from collections.abc import Callable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from PIL import Image
from torchvision.transforms.functional import affine

from avsbench.datasets.clip_info import ClipResults
from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError, DataError

NO_CLASS = 255  # value of mask pixels that belong to no class
CROP_TRIES = 10


@TRANSFORMS.register_module()
class ClipResize(BaseTransform):
    """Resize frames and Maskiges (Pillow's bilinear) and masks (nearest), whatever the aspect.

    Args:
        size: (H, W) in pixels.
        mask_size: (H, W) of the masks, for predictions that are compared at another size than the
            network's; None for that of the frames.
    """

    def __init__(self, size: tuple[int, int], mask_size: tuple[int, int] | None = None) -> None:
        self.size = check_size('ClipResize', size)
        self.mask_size = None if mask_size is None else check_size('ClipResize: masks', mask_size)

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`; nothing if they have that size already."""
        if self.mask_size is None:
            return resize_clip(results, self.size)
        results = resize_clip(results, self.size, resize_mask=None)
        if 'masks' in results:
            masks = [centre_nearest(mask, self.mask_size) for mask in results['masks']]
            results['masks'] = np.stack(masks)
            results['masks_separate'] = False
        return results


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

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`."""
        short = min(results['img_shape'])
        height, width = (int(side * self.size / short) for side in results['img_shape'])
        resize_clip(results, (height, width))
        top, left = round((height - self.size) / 2), round((width - self.size) / 2)
        return crop_clip(results, top, left, (self.size, self.size))


@TRANSFORMS.register_module()
class ClipRandomChoiceResize(BaseTransform):
    """Resize so that the shorter side has one of several lengths, drawn for the clip.

    The aspect is kept; sides are rounded to the nearest pixel, halves upwards, as by detectron2's
    `ResizeShortestEdge`.

    Args:
        short_sides: Lengths of the shorter side in pixels, all as likely.
        max_long: The longer side never exceeds this; the shorter one is reduced with it.
    """

    def __init__(self, short_sides: Sequence[int], max_long: int) -> None:
        if not short_sides:
            raise ConfigError('ClipRandomChoiceResize: short_sides is empty, expected lengths')
        self.short_sides = check_sides('ClipRandomChoiceResize: short_sides', short_sides)
        self.max_long = check_sides('ClipRandomChoiceResize: max_long', (max_long,))[0]

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`."""
        return resize_clip(results, fitted_size(results['img_shape'], self._draw(), self.max_long))

    @cache_randomness
    def _draw(self) -> int:
        return self.short_sides[np.random.randint(len(self.short_sides))]


@TRANSFORMS.register_module()
class ClipRandomCrop(BaseTransform):
    """Cut one random window out of all frames and masks.

    Args:
        size: (H, W) in pixels.
        keep_smaller: Whether a side that is shorter than the window's stays whole, as in
            detectron2's absolute crop, instead of being an error.
        max_class_share: Draw again, ten times at most, where one class has this share or more of
            the labelled pixels of all masks in the window, as mmsegmentation does for images.
            255 is no class. None takes the first window.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        keep_smaller: bool = False,
        max_class_share: float | None = None,
    ) -> None:
        self.size = check_size('ClipRandomCrop', size)
        self.keep_smaller = keep_smaller
        if max_class_share is not None and not 0 < max_class_share <= 1:
            raise ConfigError(
                f'ClipRandomCrop: max_class_share={max_class_share!r}, expected a share above 0 '
                'and up to 1, or None'
            )
        self.max_class_share = max_class_share

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`.

        Raises:
            DataError: The clip is smaller than the window, which is not allowed.
        """
        shape, size = results['img_shape'], self.size
        if self.keep_smaller:
            size = tuple(min(have, want) for have, want in zip(shape, size, strict=True))
        spare = [have - want for have, want in zip(shape, size, strict=True)]
        if min(spare) < 0:
            raise DataError(
                f'{results["clip_id"]}: ClipRandomCrop(size={self.size}) of frames of (H, W) '
                f'{results["img_shape"]}; put ClipResize before it, take a smaller size, or set '
                'keep_smaller=True and put ClipPad behind it'
            )
        corner = self._draw(spare[0], spare[1])
        for _ in range(CROP_TRIES):
            if self._is_varied(results, corner, size):
                break
            corner = self._draw(spare[0], spare[1])
        return crop_clip(results, *corner, size)

    def _is_varied(
        self, results: ClipResults, corner: tuple[int, int], size: tuple[int, int]
    ) -> bool:
        """Whether no class fills the window."""
        if self.max_class_share is None:
            return True
        rows, columns = (
            slice(start, start + side) for start, side in zip(corner, size, strict=True)
        )
        window = results['masks'][results['gt_valid']][:, rows, columns]
        counts = np.bincount(window.ravel(), minlength=NO_CLASS + 1)[:NO_CLASS]
        return counts.max() < self.max_class_share * counts.sum()

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

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames` and `masks`."""
        results['flip'] = self._draw()
        if results['flip']:
            mirror_clip(results)
        return results

    @cache_randomness
    def _draw(self) -> bool:
        return bool(np.random.rand() < self.prob)


@TRANSFORMS.register_module()
class ClipRandomAffine(BaseTransform):
    """Rotate, scale and shear all frames and masks about their centre, as torchvision does.

    Nearest pixels for images and masks alike; what comes from outside is black, class 0.

    Args:
        degrees: Largest angle of rotation in degrees, in both directions.
        scale: Smallest and largest factor of the size.
        shear: Largest angle of the shear along x in degrees, in both directions.
    """

    def __init__(self, *, degrees: float, scale: tuple[float, float], shear: float) -> None:
        low, high = scale
        if not 0 < low <= high or degrees < 0 or shear < 0:
            raise ConfigError(
                f'ClipRandomAffine: degrees={degrees}, scale={scale}, shear={shear}: expected '
                'angles of 0 or more, and two factors above 0, the smaller first'
            )
        self.degrees, self.scale, self.shear = degrees, (low, high), shear

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames` and `masks`."""
        angle, scale, shear = self._draw()

        def warp(pixels: np.ndarray) -> np.ndarray:
            image = Image.fromarray(np.ascontiguousarray(pixels))
            return np.asarray(affine(image, angle, [0, 0], scale, [shear, 0.0], fill=0))

        apply_to_clip(results, warp, warp)
        return results

    @cache_randomness
    def _draw(self) -> tuple[float, float, float]:
        return (
            np.random.uniform(-self.degrees, self.degrees),
            np.random.uniform(*self.scale),
            np.random.uniform(-self.shear, self.shear),
        )


@TRANSFORMS.register_module()
class ClipPad(BaseTransform):
    """Enlarge frames and masks at their right and lower edge.

    Args:
        size: (H, W) that comes out, in pixels.
        value: Of the added pixels of frames and Maskiges, in all three channels.
        label: Of the added pixels of masks. 255 belongs to no class: no loss counts these pixels,
            except COMBO's, to which they are outside of every mask, as published. Metrics refuse
            them: what is tested is not padded.
    """

    def __init__(self, size: tuple[int, int], *, value: int = 128, label: int = NO_CLASS) -> None:
        self.size = check_size('ClipPad', size)
        self.value = value
        self.label = label

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, `masks` and `img_shape`.

        Raises:
            DataError: The clip is larger than `size`.
        """
        added = [want - have for have, want in zip(results['img_shape'], self.size, strict=True)]
        if min(added) < 0:
            raise DataError(
                f'{results["clip_id"]}: ClipPad(size={self.size}) of frames of (H, W) '
                f'{results["img_shape"]}, which are larger; put ClipRandomCrop before it'
            )

        def pad(image: np.ndarray, value: int) -> np.ndarray:
            edges = [(0, added[0]), (0, added[1]), (0, 0)][: image.ndim]
            return np.pad(image, edges, constant_values=value)

        if max(added) > 0:
            apply_to_clip(
                results,
                lambda frame: pad(frame, self.value),
                lambda mask: pad(mask, self.label),
                lambda mask: pad(mask, 0),
            )
            results['img_shape'] = self.size
        return results


def mirror_clip(results: ClipResults) -> None:
    """Mirror frames and masks of a clip left to right."""
    apply_to_clip(results, lambda image: image[:, ::-1], lambda image: image[:, ::-1])


def fitted_size(shape: tuple[int, int], short_side: float, max_long: float) -> tuple[int, int]:
    """Size (H, W) of an image of `shape` (H, W) whose sides don't exceed the two lengths.

    The aspect is kept; one of the lengths is met. Sides are rounded to the nearest pixel, halves
    upwards, as by detectron2 and mmcv.
    """
    scale = min(short_side / min(shape), max_long / max(shape))
    height, width = (int(side * scale + 0.5) for side in shape)
    return height, width


def centre_nearest(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) at another size: each new pixel takes the old one under its centre."""
    return _resize(mask, size, Image.Resampling.NEAREST)


def resize_clip(
    results: ClipResults,
    size: tuple[int, int],
    resize_mask: Callable[[np.ndarray, tuple[int, int]], np.ndarray] | None = centre_nearest,
) -> ClipResults:
    """Resize frames (bilinear) and masks (nearest) of a clip to (H, W), and set `img_shape`.

    Args:
        results: The clip.
        size: (H, W) in pixels.
        resize_mask: How a mask is resized; None leaves masks alone.
    """
    if tuple(results['img_shape']) != size or results.get('masks_separate'):
        apply_to_clip(
            results,
            lambda frame: _resize(frame, size, Image.Resampling.BILINEAR),
            lambda mask: mask if resize_mask is None else resize_mask(mask, size),
            lambda mask: centre_nearest(mask, size),
        )
        results['img_shape'] = size
        results['masks_separate'] = resize_mask is None and results.get('masks_separate', False)
    return results


def crop_clip(results: ClipResults, top: int, left: int, size: tuple[int, int]) -> ClipResults:
    """Cut a window of (H, W) out of frames and masks of a clip, and set `img_shape`.

    Raises:
        ConfigError: Frames and masks differ in size.
    """
    if 'masks' in results and results['masks'].shape[1:] != tuple(results['img_shape']):
        raise ConfigError(
            f'{results["clip_id"]}: a window of frames of (H, W) {tuple(results["img_shape"])} and '
            f'masks of {results["masks"].shape[1:]}; in the pipeline, crop before masks are '
            'resized alone, and resize both before the crop'
        )

    def cut(image: np.ndarray) -> np.ndarray:
        return image[top : top + size[0], left : left + size[1]]

    apply_to_clip(results, cut, cut)
    results['img_shape'] = size
    return results


def check_size(name: str, size: tuple[int, int]) -> tuple[int, int]:
    """`size` as (H, W), or a `ConfigError` that says what was expected."""
    if len(size) != 2:
        raise ConfigError(f'{name}: size={size!r}, expected (H, W)')
    return check_sides(f'{name}: size', size)


def check_sides(name: str, sides: Sequence[int]) -> tuple[int, ...]:
    """`sides` as a tuple, or a `ConfigError` that says what was expected."""
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise ConfigError(f'{name}={sides!r}, expected whole numbers of pixels above 0')
    return tuple(sides)


def apply_to_clip(
    results: ClipResults,
    on_frame: Callable,
    on_mask: Callable,
    on_prior: Callable | None = None,
) -> None:
    """Change each image (H, W, 3) and each mask (H, W) of a clip.

    Args:
        results: The clip.
        on_frame: Changes an image.
        on_mask: Changes a mask.
        on_prior: Changes a mask of an earlier stage, which always has the size of its frame; None
            for `on_mask`.
    """
    for key in ('frames', 'maskiges'):
        if key in results:
            results[key] = [on_frame(image) for image in results[key]]
    if 'masks' in results:
        results['masks'] = np.stack([on_mask(mask) for mask in results['masks']])
    if 'prior_masks' in results:
        on_prior = on_prior or on_mask
        results['prior_masks'] = np.stack([on_prior(mask) for mask in results['prior_masks']])


def _resize(pixels: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size[::-1], how))
