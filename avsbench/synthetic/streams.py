"""Independent random streams: one for each clip and purpose, whatever the order of generation."""

import hashlib

import numpy as np


def stream(seed: int, part: str, split: str, index: int, name: str) -> np.random.Generator:
    """A generator seeded by the first 8 bytes of the sha256 of its arguments.

    Nothing depends on the order of calls, on the process or on Python's hash, so clips can be made
    in any order by any number of workers.

    Args:
        seed: Seed of the data set.
        part: Subset, or `avss/<label>`.
        split: `train`, `val` or `test`.
        index: Scene number inside part and split.
        name: Purpose, e.g. `scene` or `state`.
    """
    key = '|'.join((str(seed), part, split, str(index), name))
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], 'little'))
