"""Colour jitter of clips, that of SSD (Liu et al., arXiv 1512.02325).

mmsegmentation's `PhotoMetricDistortion` draws for single images only, and importing it takes
packages that mmsegmentation 1.2.2 does not install.
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np
from mmcv.image import bgr2hsv, hsv2bgr
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from avsbench.datasets.clip_info import ClipResults
from avsbench.registry import TRANSFORMS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError


class Jitter(NamedTuple):
    """One draw; None where a step is left out.

    Attributes:
        brightness: Added to all channels.
        contrast: Factor of all channels.
        saturation: Factor.
        hue: Added, on a circle of 180 where images are whole numbers, else of 360.
        contrast_first: Whether contrast comes before saturation and hue, not after them.
        channel_order: Of the result.
    """

    brightness: float | None
    contrast: float | None
    saturation: float | None
    hue: float | None
    contrast_first: bool
    channel_order: tuple[int, int, int] | None = None


@TRANSFORMS.register_module()
class ClipPhotoMetricDistortion(BaseTransform):
    """Change brightness, contrast, saturation and hue at random.

    Each of the four with probability 1/2; contrast comes before or after saturation and hue, with
    probability 1/2 as well. COMBO (arXiv 2312.06462) draws again for each image, and recolours
    the Maskiges too.

    Args:
        brightness_delta: Largest change of brightness, on the scale 0 to 255.
        contrast_range: Smallest and largest factor.
        saturation_range: Smallest and largest factor.
        hue_delta: Largest change of hue, on a circle of 180.
        per_frame: Draw for each image, instead of once per clip.
        maskiges: Change Maskiges too, where they are loaded, instead of leaving them alone.
    """

    def __init__(
        self,
        *,
        brightness_delta: float = 32,
        contrast_range: tuple[float, float] = (0.5, 1.5),
        saturation_range: tuple[float, float] = (0.5, 1.5),
        hue_delta: int = 18,
        per_frame: bool = False,
        maskiges: bool = False,
    ) -> None:
        for name, (low, high) in (
            ('contrast_range', contrast_range),
            ('saturation_range', saturation_range),
        ):
            if not 0 <= low <= high:
                raise ConfigError(
                    f'ClipPhotoMetricDistortion: {name}=({low}, {high}), expected two factors of 0 '
                    'or more, the smaller first'
                )
        self.brightness_delta = brightness_delta
        self.contrast_range = tuple(contrast_range)
        self.saturation_range = tuple(saturation_range)
        self.hue_delta = hue_delta
        self.per_frame = per_frame
        self.keys = ('frames', 'maskiges') if maskiges else ('frames',)

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`, and `maskiges` where asked for."""
        drawn = self._draw()
        for key in self.keys:
            for index, image in enumerate(results.get(key, ())):
                results[key][index] = jittered(image, drawn)
                if self.per_frame:
                    drawn = self._draw()
        return results

    @cache_randomness
    def _draw(self) -> Jitter:
        wanted = np.random.rand(5) < 0.5
        delta = np.random.uniform(-self.brightness_delta, self.brightness_delta)
        contrast = np.random.uniform(*self.contrast_range)
        saturation = np.random.uniform(*self.saturation_range)
        hue = np.random.randint(-self.hue_delta, self.hue_delta + 1)
        values = (delta, contrast, saturation, hue)
        chosen = [value if flag else None for value, flag in zip(values, wanted[:4], strict=True)]
        return Jitter(*chosen, contrast_first=bool(wanted[4]))


def jittered(image: np.ndarray, drawn: Jitter) -> np.ndarray:
    """An image (H, W, 3) uint8, RGB, changed by one draw; the original stays as it is.

    Every step rounds to whole numbers, towards 0, and cuts at 0 and 255, as in the published code.
    """
    bgr = np.ascontiguousarray(image[..., ::-1])
    if drawn.brightness is not None:
        bgr = _clipped(bgr.astype(np.float32) + drawn.brightness)
    if drawn.contrast is not None and drawn.contrast_first:
        bgr = _clipped(bgr.astype(np.float32) * drawn.contrast)
    if drawn.saturation is not None:
        hsv = bgr2hsv(bgr)
        hsv[..., 1] = _clipped(hsv[..., 1].astype(np.float32) * drawn.saturation)
        bgr = hsv2bgr(hsv)
    if drawn.hue is not None:
        hsv = bgr2hsv(bgr)
        hsv[..., 0] = (hsv[..., 0].astype(int) + drawn.hue) % 180
        bgr = hsv2bgr(hsv)
    if drawn.contrast is not None and not drawn.contrast_first:
        bgr = _clipped(bgr.astype(np.float32) * drawn.contrast)
    return bgr[..., ::-1]


@TRANSFORMS.register_module()
class ClipFloatPhotometric(BaseTransform):
    """Change brightness, contrast, saturation, hue and the order of the channels of each frame.

    The jitter of MED-VT (github.com/rkyuca/medvt): as that of `ClipPhotoMetricDistortion`, but in
    floating point, drawn again for each frame of a clip, and nothing is rounded or cut in between.
    Steps happen with probability 1/2 each: brightness by at most 32, contrast and saturation by
    factors of 0.5 to 1.5, hue by at most 18 degrees of 360, one of the six orders of channels.

    Args:
        overflow: What becomes of values outside of 0 to 255. 'wrap': their low byte is kept, so
            that bright areas turn dark, which is the published code's bug; 'clip': they become 0
            and 255.
    """

    def __init__(self, overflow: str) -> None:
        self.overflow = check_choice('ClipFloatPhotometric: overflow', overflow, OVERFLOWS)

    def transform(self, results: ClipResults) -> ClipResults:
        """Change `frames`."""
        results['frames'] = [
            float_jittered(frame, self._draw(), self.overflow) for frame in results['frames']
        ]
        return results

    @cache_randomness
    def _draw(self) -> Jitter:
        wanted = np.random.rand(6) < 0.5
        values = (
            np.random.uniform(-32, 32),
            np.random.uniform(0.5, 1.5),
            np.random.uniform(0.5, 1.5),
            np.random.uniform(-18, 18),
        )
        chosen = [value if flag else None for value, flag in zip(values, wanted[:4], strict=True)]
        order = CHANNEL_ORDERS[np.random.randint(len(CHANNEL_ORDERS))]
        return Jitter(
            *chosen, contrast_first=bool(wanted[4]), channel_order=order if wanted[5] else None
        )


def float_jittered(image: np.ndarray, drawn: Jitter, overflow: str) -> np.ndarray:
    """An image (H, W, 3) uint8, RGB, changed by one draw in floating point.

    OpenCV's conversion takes the channels for BGR, as in the published code: red and blue change
    places in the hue. It runs in every case, since what it rounds can move a value by one.

    Args:
        image: The image, which stays as it is.
        drawn: The draw; hue in degrees.
        overflow: As in `ClipFloatPhotometric`.
    """
    pixels = image.astype(np.float32)
    if drawn.brightness is not None:
        pixels += drawn.brightness
    if drawn.contrast is not None and drawn.contrast_first:
        pixels *= drawn.contrast
    hsv = bgr2hsv(pixels)
    if drawn.saturation is not None:
        hsv[..., 1] *= drawn.saturation
    if drawn.hue is not None:
        hue = hsv[..., 0] + np.float32(drawn.hue)
        hsv[..., 0] = np.where(hue > 360, hue - 360, np.where(hue < 0, hue + 360, hue))
    pixels = hsv2bgr(hsv)
    if drawn.contrast is not None and not drawn.contrast_first:
        pixels *= drawn.contrast
    if drawn.channel_order is not None:
        pixels = pixels[..., list(drawn.channel_order)]
    return OVERFLOWS[overflow](pixels)


def _wrapped(values: np.ndarray) -> np.ndarray:
    # A cast from float to uint8 is undefined in C; through int32 it is what x86 does.
    return values.astype(np.int32).astype(np.uint8)


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


OVERFLOWS = {'wrap': _wrapped, 'clip': _clipped}
CHANNEL_ORDERS = tuple(permutations(range(3)))
