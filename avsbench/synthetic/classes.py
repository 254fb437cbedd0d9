"""The eight classes of the synthetic clips and their places among AVSBench-semantic's 71."""

import numpy as np

# Texture and shape; the position is the class index used in truth.json and by the timbres.
CLASSES = (
    'solid_disc',
    'horizontal_square',
    'vertical_diamond',
    'diagonal_hexagon',
    'checker_square',
    'dots_diamond',
    'rings_disc',
    'pinwheel_star',
)
NUM_CLASSES = len(CLASSES)
DECOY = NUM_CLASSES  # the ninth texture, which never sounds
DECOY_NAME = 'grid_triangle'


def avss_index(kind: int | np.ndarray) -> int | np.ndarray:
    """Index among the 71 of a synthetic class: 0..7 stand in for 1..8, accordion to boat."""
    return kind + 1
