"""Scenes of camouflaged objects: pieces of noise on noise.

An image is a grid of 32 x 32 blocks, the background's colours all independent and uniform. So are
those of the objects, which cover whole blocks and move by whole blocks. Wherever the objects are,
all blocks of an image are independent and uniform: **the image is independent of the places**, and
of whether there are objects at all. No seam, blur or border can tell, and no compression, as it
only sees the image.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avsbench.synthetic.settings import MAX_OBJECTS

BLOCKS = 32  # along a side
CELL = 10  # blocks; three cells and a margin of one block along a side
MARGIN = 1
REACH = 2  # blocks between the outermost places along x and along y
# Corners of the triangle in blocks, in four orientations. Steps are 2 or 2.24 blocks long: 4 to
# 4.5 px at 64 px.
TRIANGLES = (
    ((0, 0), (2, 0), (1, 2)),
    ((0, 2), (2, 2), (1, 0)),
    ((0, 0), (0, 2), (2, 1)),
    ((2, 0), (2, 2), (0, 1)),
)
Box = tuple[int, int, int, int]


def _disc(side: int) -> np.ndarray:
    axis = np.arange(side) + 0.5 - side / 2
    return np.hypot(axis[:, None], axis) <= side / 2


def _diamond(side: int) -> np.ndarray:
    axis = abs(np.arange(side) - (side - 1) / 2)
    return axis[:, None] + axis <= side * 0.65


# Masks in blocks; each touches all four sides of its square.
SHAPES = (np.ones((6, 6), bool), _disc(6), _disc(7), _diamond(7))


@dataclass(frozen=True)
class CamouflageScene:
    """N pieces of noise on noise.

    Args:
        kinds: (N,) position of each piece's mask in `SHAPES`.
        corners: (N, 3, 2) column and row of each piece's upper left block at its places.
        background: (32, 32, 3) uint8.
        pieces: N textures (side, side, 3) uint8.
    """

    kinds: np.ndarray
    corners: np.ndarray
    background: np.ndarray
    pieces: tuple[np.ndarray, ...]

    @property
    def places(self) -> np.ndarray:
        """(N, 3, 2) x and y of each piece's centre at its places, in image sides."""
        sides = np.array([len(SHAPES[kind]) for kind in self.kinds])
        return (self.corners + sides[:, None, None] / 2) / BLOCKS

    def draw(
        self, states: np.ndarray, size: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws images, see `DrawnScene.draw`; needs no further noise from `rng`."""
        frames = np.repeat(self.background[None], len(states), axis=0)
        labels = np.full(frames.shape[:3], -1, dtype=np.int8)
        for s, state in enumerate(states):
            for n, (kind, piece) in enumerate(zip(self.kinds, self.pieces, strict=True)):
                shape = SHAPES[kind]
                x, y = self.corners[n, state[n]]
                window = (s, slice(y, y + len(shape)), slice(x, x + len(shape)))
                frames[window][shape] = piece[shape]
                labels[window][shape] = n
        scale = size // BLOCKS
        return tuple(m.repeat(scale, axis=1).repeat(scale, axis=2) for m in (frames, labels))


def sample_camouflage(rng: np.random.Generator, count: int) -> CamouflageScene:
    """Draws a scene; nothing in it depends on how the objects move.

    Args:
        rng: Stream of the scene.
        count: N, number of objects.
    """
    kinds = rng.integers(len(SHAPES), size=count)
    corners = []
    for cell, kind in zip(rng.permutation(MAX_OBJECTS)[:count].tolist(), kinds, strict=True):
        shape = SHAPES[kind]
        home = rng.integers(_free(shape) + 1, size=2)
        triangle = np.array(TRIANGLES[rng.integers(len(TRIANGLES))])
        corners.append(_corner(cell) + home + triangle)

    def noise(side: int) -> np.ndarray:
        return rng.integers(256, size=(side, side, 3), dtype=np.uint8)

    return CamouflageScene(
        kinds=kinds,
        corners=np.array(corners),
        background=noise(BLOCKS),
        pieces=tuple(noise(len(SHAPES[kind])) for kind in kinds),
    )


def box_law() -> dict[Box, float]:
    """Box (x0, y0, x1, y1) in blocks -> probability that an object of a frame has it.

    The objects of a scene are equally likely to move, so this is also the law of the box that is
    marked.
    """
    law: dict[Box, float] = {}
    for box, probability in _boxes():
        law[box] = law.get(box, 0.0) + probability
    return law


def _boxes() -> Iterator[tuple[Box, float]]:
    for cell, shape, triangle in itertools.product(range(MAX_OBJECTS), SHAPES, TRIANGLES):
        homes = list(itertools.product(range(_free(shape) + 1), repeat=2))
        share = 1 / (MAX_OBJECTS * len(SHAPES) * len(TRIANGLES) * len(homes) * len(triangle))
        for home, place in itertools.product(homes, triangle):
            x, y = (_corner(cell) + home + place).tolist()
            yield (x, y, x + len(shape), y + len(shape)), share


def _free(shape: np.ndarray) -> int:
    """Blocks by which the places of a shape may be shifted within a cell."""
    return CELL - REACH - len(shape)


def _corner(cell: int) -> np.ndarray:
    return MARGIN + CELL * np.array([cell % 3, cell // 3])
