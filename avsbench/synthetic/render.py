"""Images and label maps of a scene."""

import numpy as np

from avsbench.synthetic.scene import CELL, Scene

PERIOD = 1 / 12  # of stripes, checks, dots and rings, in image sides
DARK = 0.3  # dark tone relative to the bright one
NOISE = 0.02  # standard deviation of the pixel noise
TELL = 0.8  # share of white mixed into a sounding object by the control `tell`
BACKGROUND = -1


def render(
    scene: Scene, size: int, rng: np.random.Generator, lit: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draws all frames of a scene.

    Args:
        scene: What to draw.
        size: Side of the images in pixels.
        rng: Stream of the pixel noise.
        lit: (T, N) bool, objects that light up (control `tell`); None = none.

    Returns:
        frames (T, size, size, 3) uint8 RGB, and labels (T, size, size) int8: the object's
        position in the scene, -1 = background.
    """
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size  # pixel centres
    seconds, total = scene.centres.shape[:2]
    labels = np.full((seconds, size, size), BACKGROUND, dtype=np.int8)
    offsets = scene.slope[:, 0] * (axis[:, None] - 0.5)  # (size, 3) along x
    rows = scene.slope[:, 1] * (axis[:, None] - 0.5)
    frames = np.empty((seconds, size, size, 3), dtype=np.float32)
    frames[:] = scene.base + rows[:, None, :] + offsets[None, :, :]
    for m in range(total):
        column, row = scene.cells[m] % 3, scene.cells[m] // 3
        xs, ys = _window(column, size), _window(row, size)
        dx = (axis[xs] - scene.centres[:, m, :1])[:, None, :]  # (T, 1, w)
        dy = (axis[ys] - scene.centres[:, m, 1:])[:, :, None]  # (T, h, 1)
        cos, sin = np.cos(scene.rotations[m]), np.sin(scene.rotations[m])
        u, v = cos * dx + sin * dy, cos * dy - sin * dx  # (T, h, w)
        kind = scene.kinds[m]
        inside = SHAPES[kind](u / scene.radii[m], v / scene.radii[m])
        bright = TEXTURES[kind](u, v)
        tones = np.stack([DARK * scene.colours[m], scene.colours[m]])  # (2, 3)
        tones = np.broadcast_to(tones, (seconds, 2, 3))
        if lit is not None and m < lit.shape[1]:
            tones = tones + (TELL * lit[:, m])[:, None, None] * (1 - tones)
        pixels = tones[np.arange(seconds)[:, None, None], bright.astype(np.intp)]  # (T, h, w, 3)
        np.copyto(frames[:, ys, xs], pixels, where=inside[..., None], casting='same_kind')
        labels[:, ys, xs][inside] = m
    frames += NOISE * rng.standard_normal(frames.shape, dtype=np.float32)
    return np.rint(frames.clip(0, 1) * 255).astype(np.uint8), labels


def _window(cell: int, size: int) -> slice:
    """Pixels whose centres lie in a cell's third of the axis."""
    return slice(*(int(np.ceil((cell + i) * CELL * size - 0.5)) for i in (0, 1)))


# Shapes take coordinates in radii and stay inside the unit circle. -----------------------------


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u * u + v * v <= 1


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) <= np.sqrt(0.5)


def _diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return abs(u) + abs(v) <= 1


def _polygon(u: np.ndarray, v: np.ndarray, corners: int) -> np.ndarray:
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    distance = np.max([np.cos(a) * u + np.sin(a) * v for a in angles], axis=0)
    return distance <= np.cos(np.pi / corners)


def _hexagon(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _polygon(u, v, 6)


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _polygon(u, v, 3)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) <= 0.75 + 0.25 * np.cos(5 * np.arctan2(v, u))


# Textures take coordinates in image sides: True = bright tone. --------------------------------


def _wave(x: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * x / PERIOD)


def _solid(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.ones(np.broadcast(u, v).shape, dtype=bool)


def _horizontal(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _wave(v) > 0


def _vertical(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _wave(u) > 0


def _diagonal(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _wave((u + v) * np.sqrt(0.5)) > 0


def _checker(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _wave(u) * _wave(v) > 0


def _dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.cos(2 * np.pi * u / PERIOD) + np.cos(2 * np.pi * v / PERIOD) > 0.5


def _rings(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _wave(np.hypot(u, v)) > 0


def _pinwheel(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sin(4 * np.arctan2(v, u)) > 0


def _grid(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(_wave(u), _wave(v)) > 0.8


SHAPES = (_disc, _square, _diamond, _hexagon, _square, _diamond, _disc, _star, _triangle)
TEXTURES = (
    *(_solid, _horizontal, _vertical, _diagonal, _checker, _dots, _rings, _pinwheel),
    _grid,
)
