"""Oracles that show that the ceilings can be met, and that a clip holds what a frame lacks.

They know where the objects may be, as a trained network does, but not how they move.
"""

import itertools

import numpy as np

from avsbench.synthetic.video.motion import PLACES, STEPS, Motion

REACH = 0.045  # half the side of the piece compared, in image sides; inside every object


def steps_of_clip(frames: np.ndarray, places: np.ndarray) -> list[int]:
    """The step of each object, from the differences between the frames of a clip.

    Of all ways in which an object may move, that which explains the frames best: along it, the
    object looks the same from frame to frame.

    Args:
        frames: (T, H, W, 3) uint8, consecutive.
        places: (N, 3, 2) x and y of each object's places, in image sides.
    """
    return [_step_of_object(frames.astype(np.float32), own) for own in places]


def frozen(frames: np.ndarray, position: int) -> np.ndarray:
    """A clip of one frame only, repeated: what a model that sees single frames knows.

    Args:
        frames: (T, H, W, 3).
        position: Of the frame.
    """
    return np.repeat(frames[position : position + 1], len(frames), axis=0)


def _step_of_object(frames: np.ndarray, places: np.ndarray) -> int:
    size = frames.shape[1]
    reach = round(REACH * size)
    corners = np.rint(places * size).astype(int) - reach
    pieces = np.stack(
        [frames[:, y : y + 2 * reach, x : x + 2 * reach] for x, y in corners], axis=1
    )  # (T, 3, side, side, 3)
    errors = {}
    for step, phase in itertools.product(STEPS, range(PLACES)):
        way = Motion((step,), (phase,)).states(len(frames))[:, 0]
        shown = pieces[np.arange(len(frames)), way]
        errors[step, phase] = abs(np.diff(shown, axis=0)).mean()
    return min(errors, key=errors.get)[0]
