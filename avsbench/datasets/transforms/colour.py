"""Colour jitter of clips, that of SSD (Liu et al., arXiv 1512.02325).

mmsegmentation's `PhotoMetricDistortion` draws for single images only, and importing it takes
packages that mmsegmentation 1.2.2 does not install.
"""

from typing import NamedTuple

import numpy as np
from mmcv.image import bgr2hsv, hsv2bgr
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from avsbench.datasets.clip_info import ClipResults
from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError


class Jitter(NamedTuple):
    """One draw; None where a step is left out.

    Attributes:
        brightness: Added to all channels.
        contrast: Factor of all channels.
        saturation: Factor.
        hue: Added, on a circle of 180.
        contrast_first: Whether contrast comes before saturation and hue, not after them.
    """

    brightness: float | None
    contrast: float | None
    saturation: float | None
    hue: int | None
    contrast_first: bool


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


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)
