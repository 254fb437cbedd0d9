"""Random numbers of a training set that depend on nothing but seed, epoch and sample."""

import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from avsbench.engine.loaders import WorkerTable
from avsbench.engine.training_state import rng_state, set_rng_state
from avsbench.registry import DATASETS


class SeededDataset(Dataset):
    """A data set whose samples are made with generators seeded for each of them.

    What a transform draws (from Python, numpy or torch) then differs between epochs, but not
    between runs, numbers of workers, or an interrupted and an uninterrupted training. mmengine
    seeds the workers of every epoch with the same numbers instead.

    Until `set_epoch` is called, samples are made with the generators as they are; in a training by
    iterations, `SeededInfiniteSampler` tells the epoch with each index instead.

    Args:
        dataset: Any data set, or its config; its attributes show through.
        seed: Of the run.
        num_workers: Of the loader, which are watched.

    Attributes:
        workers: What each of them is doing.
    """

    def __init__(self, dataset: Dataset | dict, seed: int, num_workers: int = 0) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.seed = seed
        self.workers = WorkerTable(num_workers)
        # In shared memory, so that workers which outlive an epoch see the next one.
        self._epoch = torch.full((1,), -1, dtype=torch.int64).share_memory_()

    def __getattr__(self, name: str) -> Any:
        if name in ('dataset', 'workers'):  # not there yet while a worker unpickles this object
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int | tuple[int, int]) -> Any:
        if isinstance(index, tuple):
            epoch, index = index
        else:
            epoch = int(self._epoch)
        worker = get_worker_info()
        if worker is None:
            return self._load(epoch, index)
        self.workers.begin(worker.id, index)
        try:
            return self._load(epoch, index)
        finally:
            self.workers.end(worker.id)

    def _load(self, epoch: int, index: int) -> Any:
        if epoch < 0:
            return self.dataset[index]
        before = None if get_worker_info() else rng_state()
        self._seed_generators(epoch, index)
        try:
            return self.dataset[index]
        finally:
            if before is not None:
                set_rng_state(before)

    def set_epoch(self, epoch: int) -> None:
        """Seed the samples from now on, for this epoch (counted from 0)."""
        self._epoch.fill_(epoch)

    def _seed_generators(self, epoch: int, index: int) -> None:
        words = np.random.SeedSequence((self.seed, epoch, index)).generate_state(6)
        random.seed(int(words[0]))
        np.random.seed(words[1:5])
        torch.random.default_generator.manual_seed(int(words[5]))  # leaves the GPU's alone
