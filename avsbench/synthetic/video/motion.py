"""How objects move: three places each, and a step from one to the next at every frame.

An object has three places at the corners of a triangle. At frame t it is at place
(phase + t * step) mod 3: with step 0 it stands still, with +1 and -1 it goes round, one way or the
other. Phases are uniform and independent of the steps, so at any one frame the places of all
objects are uniform and independent of the steps too. **A single frame therefore says nothing about
which objects move, or how**, whatever they look like and however they are drawn or compressed: the
image is a function of scene and places alone.

Six frames are two rounds of every object that moves. With all steps reversed, a video has the same
frames in another order: **without their order, frames say nothing about which of the two it is**.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PLACES = 3
STEPS = (0, 1, -1)
Steps = tuple[int, ...]


@dataclass(frozen=True)
class Motion:
    """Motion of the N objects of a video.

    Args:
        steps: N, each 0, 1 or -1.
        phases: N, each the place at frame 0.
    """

    steps: Steps
    phases: tuple[int, ...]

    def states(self, frames: int) -> np.ndarray:
        """(T, N) place of each object in each frame."""
        times = np.arange(frames)[:, None]
        return (np.array(self.phases) + times * np.array(self.steps)) % PLACES


def _one(count: int) -> list[Steps]:
    """One object moves."""
    return [tuple(int(n == mover) for n in range(count)) for mover in range(count)]


def _some(count: int) -> list[Steps]:
    """One object moves, or two."""
    every = itertools.product((0, 1), repeat=count)
    return [steps for steps in every if 1 <= sum(steps) <= 2]


def _distinct(count: int) -> list[Steps]:
    """Every object has another step."""
    return list(itertools.permutations(STEPS, count))


def _pairs(count: int) -> list[Steps]:
    """The second of two objects goes round one way or the other, the first with it or not at all.

    So frames without their order still do not tell which way the second goes.
    """
    return [(first, step)[:count] for step in (1, -1) for first in (0, step)]


RULES: dict[str, Callable[[int], list[Steps]]] = {
    'one': _one,
    'some': _some,
    'distinct': _distinct,
    'pairs': _pairs,
}


def step_sets(rule: str, count: int, order: bool = False) -> list[Steps]:
    """The ways in which the objects of a video may move together, all equally likely.

    Args:
        rule: A name in `RULES`.
        count: N, number of objects.
        order: Two objects that go round in opposite directions instead.
    """
    return [(1, -1), (-1, 1)] if order else RULES[rule](count)


def sample_motion(rng: np.random.Generator, sets: list[Steps], turn: bool) -> Motion:
    """A video's motion by the law: phases are independent of the steps.

    Args:
        rng: Stream of the motion, which nothing visible touches.
        sets: From `step_sets`.
        turn: Let the objects that move go round either way.
    """
    steps = sets[rng.integers(len(sets))]
    phases = rng.integers(PLACES, size=len(steps))
    return Motion(_turned(rng, steps, turn), tuple(phases.tolist()))


def all_motions(rng: np.random.Generator, sets: list[Steps], turn: bool) -> list[Motion]:
    """The motions of the versions of one scene: every state occurs equally often with all sets.

    A video with at least one moving object visits three states, a line in the space of all 3^N, and
    the lines of one set of steps are disjoint and together all states. So the versions hold each
    image, byte for byte, once for every set of steps (times the rounds of a video).

    Lines start such that the state visited by frames 1, 4, 7 ... is the same for all sets, where
    one set's steps don't add up to a multiple of three: leaving out the first and last of six
    frames, as DAVIS's official J does, then keeps all sets equally frequent in every state.

    Args:
        rng: See `sample_motion`; draws only the direction.
        sets: From `step_sets`.
        turn: See `sample_motion`.
    """
    motions = []
    for drawn in sets:
        for state in itertools.product(range(PLACES), repeat=len(drawn)):
            weights = np.ones(len(drawn), int) if sum(drawn) % PLACES else np.array(drawn)
            if np.dot(weights, state) % PLACES:
                continue
            steps = _turned(rng, drawn, turn)
            phases = (np.array(state) - np.array(steps)) % PLACES
            motions.append(Motion(steps, tuple(phases.tolist())))
    return motions


def _turned(rng: np.random.Generator, steps: Steps, turn: bool) -> Steps:
    sign = 1 - 2 * int(rng.integers(2)) if turn else 1
    return tuple(sign * step for step in steps)
