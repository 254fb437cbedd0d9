"""Which clips a training by iterations takes."""

from collections.abc import Iterator

import torch
from mmengine.dataset import InfiniteSampler

from avsbench.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class SeededInfiniteSampler(InfiniteSampler):
    """An endless stream of all samples, in a new order each time round.

    Gives (round, index), by which `SeededDataset` seeds the sample: its random numbers then depend
    on nothing but the run's seed, the round and the sample, so that a resumed training sees what
    an uninterrupted one does, with any number of workers.
    """

    def _infinite_indices(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator()
        generator.manual_seed(self.seed)
        done = 0
        while True:
            if self.shuffle:
                order = torch.randperm(self.size, generator=generator).tolist()
            else:
                order = range(self.size)
            yield from ((done, index) for index in order)
            done += 1
