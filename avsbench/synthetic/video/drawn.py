"""Scenes of drawn shapes, as in the clips with sound; each shape has three places."""

from dataclasses import dataclass, replace

import numpy as np

from avsbench.synthetic.render import render
from avsbench.synthetic.scene import CELL, GRADIENT, ROTATION, Scene
from avsbench.synthetic.settings import MAX_OBJECTS
from avsbench.synthetic.video.motion import PLACES

RADIUS = (0.28, 0.34)  # of a cell; at 64 px a shape is 12 to 14 px wide
ORBIT = (0.10, 0.14)  # radius of the circle through the places; at 64 px a step is 3.7 to 5.2 px


HORIZON = (0.35, 0.65)  # in image sides
WALL, FLOOR, MARGIN, SEAM = -1, -2, -3, -4  # labels of the background


@dataclass(frozen=True)
class DrawnScene:
    """N shapes over a plain background.

    Args:
        scene: Looks of the shapes and the background; its centres are not read.
        places: (N, 3, 2) x and y of each shape's places, in image sides.
        horizon: Where the wall ends and the floor begins, in image sides; None = no floor.
    """

    scene: Scene
    places: np.ndarray
    horizon: float | None = None

    @property
    def kinds(self) -> np.ndarray:
        """(N,) class of each shape."""
        return self.scene.kinds

    def draw(
        self, states: np.ndarray, size: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws images.

        Args:
            states: (S, N) place of each shape.
            size: Side of the images in pixels.
            rng: Stream of the pixel noise.

        Returns:
            frames (S, size, size, 3) uint8, and labels (S, size, size) int8: the shape, or -1; with
            a floor -1 to -4 for wall, floor, margin at the bottom, and seam of wall and floor.
        """
        centres = self.places[np.arange(states.shape[1]), states]  # (S, N, 2)
        frames, labels = render(replace(self.scene, centres=centres), size, rng)
        if self.horizon is not None:
            self._add_floor(frames, labels)
        return frames, labels

    def _add_floor(self, frames: np.ndarray, labels: np.ndarray) -> None:
        """Darkens the lower part of the background, and numbers its parts."""
        size = frames.shape[1]
        edge = round(self.horizon * size)
        parts = np.full((size, size), WALL, dtype=np.int8)
        parts[edge:] = FLOOR
        parts[edge - max(1, size // 64) : edge] = SEAM
        parts[-size // 32 :] = MARGIN
        background = labels < 0
        labels[background] = np.broadcast_to(parts, labels.shape)[background]
        dark = np.isin(labels, (FLOOR, MARGIN))
        frames[dark] //= 2


def sample_drawn(rng: np.random.Generator, kinds: np.ndarray, floor: bool = False) -> DrawnScene:
    """Draws a scene; nothing in it depends on how the shapes move.

    Args:
        rng: Stream of the scene.
        kinds: (N,) class of each shape, see `avsbench.synthetic.classes`.
        floor: Divide the background into wall and floor.
    """
    count = len(kinds)
    radii, orbit = rng.uniform(*RADIUS, count), rng.uniform(*ORBIT, count)
    cells = rng.permutation(MAX_OBJECTS)[:count]
    corners = np.stack([cells % 3, cells // 3], axis=-1)  # (N, 2)
    free = (0.5 - radii - orbit)[:, None]
    homes = corners + 0.5 + rng.uniform(-1, 1, (count, 2)) * free
    angles = rng.uniform(0, 2 * np.pi, (count, 1)) + np.arange(PLACES) * 2 * np.pi / PLACES
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # (N, 3, 2)
    turn = rng.uniform(0, 2 * np.pi)
    scene = Scene(
        kinds=kinds,
        small=np.zeros(count, dtype=bool),
        cells=cells,
        radii=radii * CELL,
        centres=np.empty((0, count, 2)),
        colours=rng.uniform(0.35, 1.0, (count, 3)),
        rotations=rng.uniform(-ROTATION, ROTATION, count),
        base=rng.uniform(0.2, 0.8, 3),
        slope=np.outer(rng.uniform(-GRADIENT, GRADIENT, 3), [np.cos(turn), np.sin(turn)]),
    )
    places = (homes[:, None] + orbit[:, None, None] * circle) * CELL
    return DrawnScene(scene, places, rng.uniform(*HORIZON) if floor else None)
