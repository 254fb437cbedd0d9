"""What sounds in which second: the laws of train and val, and the twins of the test split."""

from dataclasses import dataclass

import numpy as np

from avsbench.synthetic.audio import WHITE_NOISE, Source, sample_source
from avsbench.synthetic.classes import NUM_CLASSES
from avsbench.synthetic.scene import Scene
from avsbench.synthetic.settings import NUISANCES, Settings

SWITCH = 0.5  # probability that a single source is followed by another within a clip
KEEP = 0.5  # probability that a set of sources goes on in the next second
SET_SIZES = (0.10, 0.35, 0.35, 0.20)  # of sets of 0, 1, 2 and 3 sources


@dataclass(frozen=True)
class State:
    """One soundtrack of a scene.

    Args:
        sets: (T, N) bool, the candidates that sound, i.e. what the masks show.
        sources: What the audio consists of: the candidates in their order or, in a clip of tier
            T4, sources that are not in the images.
        nuisance: Kind of a clip of tier T4, else None.
    """

    sets: np.ndarray
    sources: tuple[Source, ...]
    nuisance: str | None = None


def sample_state(rng: np.random.Generator, settings: Settings, scene: Scene, seconds: int) -> State:
    """The soundtrack of a train or val clip, by the law of the subset."""
    count = settings.num_candidates
    sets = sample_sets(rng, settings.law, count, seconds, settings.every_second)
    return State(sets, _candidate_sources(rng, settings, scene, sets))


def sample_twins(
    rng: np.random.Generator, settings: Settings, scene: Scene, seconds: int
) -> list[State]:
    """The soundtracks of a test scene: disjoint twins, or the four nuisances of tier T4."""
    if settings.empty_test:
        return [_nuisance(rng, settings, scene, seconds, kind) for kind in NUISANCES]
    count, twins = settings.num_candidates, settings.num_twins
    versions = sample_twin_sets(rng, count, twins, seconds, settings.every_second)
    return [State(sets, _candidate_sources(rng, settings, scene, sets)) for sets in versions]


def sample_sets(
    rng: np.random.Generator, law: str, count: int, seconds: int, every_second: bool
) -> np.ndarray:
    """Sounding sets by law: (T, N) bool.

    Args:
        rng: Stream to draw from.
        law: `single`: one candidate, with probability 1/2 one switch at a random second boundary.
            `multi`: the set is kept with probability 1/2, else drawn again.
        count: N, the number of candidates.
        seconds: T.
        every_second: Tier T3: the set differs from the one before in every second.
    """
    sets = np.zeros((seconds, count), dtype=bool)
    if law == 'single':
        steps = np.zeros(seconds, dtype=int)
        if every_second:
            steps[1:] = rng.integers(1, count, seconds - 1)
        elif rng.random() < SWITCH:
            steps[rng.integers(1, seconds)] = rng.integers(1, count)
        sets[np.arange(seconds), (rng.integers(count) + np.cumsum(steps)) % count] = True
        return sets
    sets[0] = _draw_set(rng, count)
    for t in range(1, seconds):
        if every_second:
            sets[t] = _draw_set(rng, count)
            while (sets[t] == sets[t - 1]).all():
                sets[t] = _draw_set(rng, count)
        else:
            sets[t] = sets[t - 1] if rng.random() < KEEP else _draw_set(rng, count)
    return sets


def sample_twin_sets(
    rng: np.random.Generator, count: int, twins: int, seconds: int, every_second: bool
) -> np.ndarray:
    """Sounding sets of twins, disjoint in every second: (m, T, N) bool.

    The candidates are split at random into m groups as equal as can be. Twin j sounds group
    (j + s_t) mod m in second t; no shift s_t occurs more than ceil(T / m) times, their order is
    random, and with `every_second` no shift follows itself.
    """
    groups = np.zeros((twins, count), dtype=bool)
    for group, members in enumerate(np.array_split(rng.permutation(count), twins)):
        groups[group, members] = True
    shifts = np.tile(rng.permutation(twins), -(-seconds // twins))[:seconds]
    shifts = rng.permutation(shifts)
    while every_second and (shifts[1:] == shifts[:-1]).any():
        shifts = rng.permutation(shifts)
    return groups[(np.arange(twins)[:, None] + shifts) % twins]


def law_marginals(law: str, count: int, seconds: int, every_second: bool) -> np.ndarray:
    """Probability of each sounding set in each second under the law: (T, 2**N).

    Entry s of the last axis is the set whose members are the bits of s.
    """
    members = subset_bits(count).sum(axis=1)
    if law == 'single':
        return np.tile((members == 1) / count, (seconds, 1))
    sizes = np.array([*SET_SIZES, *[0.0] * max(0, count - 3)])
    drawn = sizes[members] / np.bincount(members)[members]
    if not every_second:
        return np.tile(drawn, (seconds, 1))
    marginals = [drawn]
    for _ in range(seconds - 1):  # the next set is drawn again until it differs
        spread = marginals[-1] / (1 - drawn)
        marginals.append(drawn * (spread.sum() - spread))
    return np.stack(marginals)


def subset_bits(count: int) -> np.ndarray:
    """Members of all subsets of N candidates: (2**N, N) bool, row s = the bits of s."""
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)


def _draw_set(rng: np.random.Generator, count: int) -> np.ndarray:
    chosen = np.zeros(count, dtype=bool)
    chosen[rng.permutation(count)[: rng.choice(len(SET_SIZES), p=SET_SIZES)]] = True
    return chosen


def _candidate_sources(
    rng: np.random.Generator, settings: Settings, scene: Scene, sets: np.ndarray
) -> tuple[Source, ...]:
    sources = []
    for n in range(sets.shape[1]):
        size = ('small' if scene.small[n] else 'large') if settings.instances else None
        sources.append(sample_source(rng, int(scene.kinds[n]), sets[:, n], size))
    return tuple(sources)


def _nuisance(
    rng: np.random.Generator, settings: Settings, scene: Scene, seconds: int, kind: str
) -> State:
    """One clip of tier T4: its audio belongs to nothing in the images."""
    absent = rng.permutation(np.setdiff1d(np.arange(NUM_CLASSES), scene.kinds))
    always = np.ones(seconds, dtype=bool)
    if kind == 'silence':
        sources = []
    elif kind == 'off_screen':
        sources = [sample_source(rng, int(absent[0]), always)]
    elif kind == 'white_noise':
        sources = [sample_source(rng, WHITE_NOISE, always)]
    else:  # the soundtrack of another clip, none of whose classes is on screen here
        count = min(len(absent), settings.num_candidates)
        sets = sample_sets(rng, settings.law, count, seconds, settings.every_second)
        sources = [sample_source(rng, int(absent[n]), sets[:, n]) for n in range(count)]
    empty = np.zeros((seconds, settings.num_candidates), dtype=bool)
    return State(empty, tuple(sources), kind)
