"""Everything visible in a clip, in unit coordinates, drawn without knowing what will sound."""

from dataclasses import dataclass

import numpy as np

from avsbench.synthetic.classes import DECOY, NUM_CLASSES
from avsbench.synthetic.settings import MAX_OBJECTS, Settings

CELL = 1 / 3  # an image has 3 x 3 cells; an object never leaves its cell, so objects are disjoint
RADIUS = (0.30, 0.44)  # of a cell
LARGE, SMALL = (0.38, 0.44), (0.24, 0.30)  # tier T2: the two sizes of a class
ROTATION = 0.15  # rad, either way
GRADIENT = 0.15  # of the background over the image's side, either way


@dataclass(frozen=True)
class Scene:
    """Images in motion: M objects, the N candidates first, then the decoys.

    Args:
        kinds: (M,) class index; 8 = decoy.
        small: (M,) bool, the small instance of a class (tier T2 only).
        cells: (M,) cell number, row by row.
        radii: (M,) of the circle around the object, in image sides.
        centres: (T, M, 2) x and y in image sides.
        colours: (M, 3) bright tone, 0..1.
        rotations: (M,) in rad.
        base: (3,) background colour in the image's middle.
        slope: (3, 2) its change along x and y over one image side.
    """

    kinds: np.ndarray
    small: np.ndarray
    cells: np.ndarray
    radii: np.ndarray
    centres: np.ndarray
    colours: np.ndarray
    rotations: np.ndarray
    base: np.ndarray
    slope: np.ndarray


def sample_scene(rng: np.random.Generator, settings: Settings, seconds: int) -> Scene:
    """Draws a scene; `rng` is the scene stream, which the sounding objects never touch."""
    count = settings.num_candidates
    total = count + settings.decoys
    classes = rng.permutation(NUM_CLASSES)
    if settings.instances:
        kinds = np.repeat(classes[: count // 2], 2)
        small = np.arange(count) % 2 == 1
        fractions = np.where(small, rng.uniform(*SMALL, count), rng.uniform(*LARGE, count))
    else:
        kinds = classes[:count]
        small = np.zeros(count, dtype=bool)
        fractions = rng.uniform(*RADIUS, count)
    kinds = np.concatenate([kinds, np.full(settings.decoys, DECOY)])
    small = np.concatenate([small, np.zeros(settings.decoys, dtype=bool)])
    fractions = np.concatenate([fractions, rng.uniform(*RADIUS, settings.decoys)])
    cells = rng.permutation(MAX_OBJECTS)[:total]
    corners = np.stack([cells % 3, cells // 3], axis=-1)  # (M, 2)
    jitter = rng.uniform(-1, 1, (seconds, total, 2)) * (0.5 - fractions)[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    return Scene(
        kinds=kinds,
        small=small,
        cells=cells,
        radii=fractions * CELL,
        centres=(corners + 0.5 + jitter) * CELL,
        colours=rng.uniform(0.35, 1.0, (total, 3)),
        rotations=rng.uniform(-ROTATION, ROTATION, total),
        base=rng.uniform(0.2, 0.8, 3),
        slope=np.outer(rng.uniform(-GRADIENT, GRADIENT, 3), [np.cos(angle), np.sin(angle)]),
    )
