"""Which samples a training by iterations takes, and a process in a test on videos."""

from collections.abc import Iterator
from itertools import groupby

import torch
from mmengine.dataset import BaseDataset, InfiniteSampler
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

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


@DATA_SAMPLERS.register_module()
class VideoSampler(Sampler[int]):
    """All samples in order, those of one video in one process, for tests.

    Metrics that compare a frame with those before it need this. Long videos first, each goes to the
    process that has the fewest samples so far, so that all have about as much to do. No sample is
    repeated.

    Args:
        dataset: Its `get_data_info(index)['video']` names the video of a sample. The samples of a
            video follow one another.
        seed: Not read, since nothing is random; mmengine passes it.
    """

    def __init__(self, dataset: BaseDataset, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        names = (dataset.get_data_info(index)['video'] for index in range(len(dataset)))
        grouped = groupby(enumerate(names), key=lambda item: item[1])
        videos = [[index for index, _ in items] for _, items in grouped]
        shares: list[list[int]] = [[] for _ in range(world_size)]
        for indices in sorted(videos, key=len, reverse=True):
            min(shares, key=len).extend(indices)
        self.indices = sorted(shares[rank])

    def __iter__(self) -> Iterator[int]:
        """Positions in the data set."""
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)
