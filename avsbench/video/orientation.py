"""How a stored frame is turned and mirrored for display, as the container says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import av

MATRIX = 'DISPLAYMATRIX'  # PyAV's name of the side data


class Orientation(NamedTuple):
    """What makes a stored frame upright, in this order.

    Attributes:
        transposed: Rows become columns.
        upside_down: The order of the rows is reversed.
        mirrored: The order of the columns is reversed.
    """

    transposed: bool
    upside_down: bool
    mirrored: bool

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """That of a frame; an angle between the quarter turns counts as the nearest of them.

        The angle alone, `frame.rotation`, doesn't tell a turn from a mirror image.
        """
        data = frame.side_data.get(MATRIX)
        if data is None:
            return cls(False, False, False)
        # x' = a x + c y and y' = b x + d y, in a matrix (a, b, u, c, d, v, x, y, w)
        a, b, _, c, d, *_ = np.frombuffer(data, np.int32).tolist()
        if abs(a) + abs(d) < abs(b) + abs(c):
            return cls(True, b < 0, c < 0)
        return cls(False, d < 0, a < 0)

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Turn and mirror a stored image (H, W, 3)."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.upside_down:
            pixels = pixels[::-1]
        if self.mirrored:
            pixels = pixels[:, ::-1]
        return np.ascontiguousarray(pixels)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of an upright frame from that of the stored one, and the other way round."""
        return size[::-1] if self.transposed else size
