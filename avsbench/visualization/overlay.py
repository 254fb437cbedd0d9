"""Masks over the frames of a video."""

from collections.abc import Sequence

import cv2
import numpy as np

from avsbench.visualization.labels import MIN_NAME_AREA
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR
from avsbench.visualization.palette import display_palette

# Pixels of the shorter side of a video with a thinner outline, and with a dark one alone.
SMALL, TINY = 300, 120


class MaskPainter:
    """Colours the masked objects, outlines them, and writes the class beside them.

    Args:
        classes: Names by class index, the background first.
        palette: (K, 3) uint8 colours by class index; None for one colour and no names. Those of
            mask files are replaced, see `avsbench.visualization.palette`.
        colour: RGB, 0 to 255, of the objects of a network with one class.
        background: Whether class 0 is the background, which stays as it is.
        alpha: Opacity of the colour, 0 to 1.
    """

    def __init__(
        self,
        classes: Sequence[str],
        palette: np.ndarray | None = None,
        *,
        colour: tuple[int, int, int] = PREDICTION_COLOUR,
        background: bool = True,
        alpha: float = 0.55,
    ) -> None:
        self.classes = classes
        self.named = palette is not None
        self.first = int(background)
        if palette is None:
            self.colours = np.asarray([(0, 0, 0), colour], np.uint8)
        else:
            self.colours = display_palette(palette, background=background)
        self.alpha = alpha
        self._mask: np.ndarray | None = None

    def set_mask(self, mask: np.ndarray) -> None:
        """Set the mask (H, W) uint8 of 0 and 1 or class indices for the following frames."""
        self._mask = mask
        inside = mask >= self.first
        self._inside = inside.astype(np.uint8)
        self._colour = self.colours[mask]
        self._borders: list[np.ndarray] = []
        self._names: list[tuple[str, tuple[int, int]]] = []
        for index in np.unique(mask[inside]):
            found, _ = cv2.findContours(
                (mask == index).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
            )
            self._borders += found
            largest = max(found, key=cv2.contourArea)
            if self.named and cv2.contourArea(largest) >= MIN_NAME_AREA * mask.size:
                left, top, _, _ = cv2.boundingRect(largest)
                self._names.append((self.classes[index], (left, top)))

    def paint(self, image: np.ndarray) -> np.ndarray:
        """A copy of the image (H, W, 3) uint8, RGB, with the mask over it."""
        if self._mask is None:
            raise ValueError('set_mask must come before paint')
        blended = cv2.addWeighted(image, 1 - self.alpha, self._colour, self.alpha, 0)
        painted = cv2.copyTo(blended, self._inside, image.copy())
        for grey, thickness in _outlines(min(image.shape[:2])):
            lines = (self._borders, -1, (grey, grey, grey), thickness, cv2.LINE_AA)
            cv2.drawContours(painted, *lines)
        for name, corner in self._names:
            _write(painted, name, corner)
        return painted


def _outlines(side: int) -> list[tuple[int, int]]:
    """Grey value and thickness of the lines around objects, for the shorter side of the image.

    A dark line with a light one in it: one of them differs from any image.
    """
    if side < TINY:
        return [(0, 1)]
    thin = max(1, side // 360)
    return [(0, 3 * thin if side >= SMALL else 2), (255, thin)]


def _write(image: np.ndarray, text: str, corner: tuple[int, int]) -> None:
    """Write white letters with a dark edge; their lower left is at `corner` (x, y), or inside."""
    scale = max(0.4, min(image.shape[:2]) / 800)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = int(np.clip(corner[0], 2, max(2, image.shape[1] - width - 2)))
    y = int(np.clip(corner[1] - 4, height + 2, image.shape[0] - 4))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        place = (x, y)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(image, text, place, font, scale, colour, thickness, cv2.LINE_AA)
