"""Data loaders whose workers don't hang a run: errors name the worker and the sample."""

import atexit
import multiprocessing
import os
import re
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from avsbench.processes.signals import ignore_signals
from avsbench.utils.errors import DataError
from avsbench.utils.parallel import usable_cores

TIMEOUT = 600
"""Seconds that a batch may take, unless the config of the loader says otherwise."""
_LOST = re.compile(r'DataLoader (worker \(pid|timed out)')
# What reading a batch ends with whose worker dies before its memory has been passed on.
_CUT_OFF = (ConnectionError, EOFError, FileNotFoundError)
_tables: 'weakref.WeakSet[WorkerTable]' = weakref.WeakSet()
_forgotten: set[int] = set()  # processes of workers whose table is gone


class WorkerTable:
    """What each worker of a loader is doing, in memory that all processes share.

    Args:
        workers: How many.
    """

    def __init__(self, workers: int) -> None:
        self._rows = torch.zeros(workers, 3, dtype=torch.float64).share_memory_()
        _tables.add(self)
        weakref.finalize(self, lambda rows: _forgotten.update(_pids(rows)), self._rows)

    def begin(self, worker: int, sample: int) -> None:
        """A worker turns to a sample."""
        self._rows[worker] = torch.tensor([os.getpid(), sample, time.time()], dtype=torch.float64)

    def end(self, worker: int) -> None:
        """It has loaded it."""
        self._rows[worker, 2] = 0

    @property
    def pids(self) -> list[int]:
        """Process of each worker, 0 before it has begun."""
        return _pids(self._rows)

    @property
    def busy(self) -> set[int]:
        """Processes of the workers that are at a sample."""
        return {int(pid) for pid, _, since in self._rows.tolist() if since}

    def suspect(self, pids: list[int]) -> tuple[int, int, float] | None:
        """The worker to blame, the position of its sample, and for how long it has been at it.

        Args:
            pids: Of the workers that have died; without any, the one that is busy for longest.
        """
        busy = [
            (since, worker, int(sample))
            for worker, (pid, sample, since) in enumerate(self._rows.tolist())
            if since and (int(pid) in pids or not pids)
        ]
        if not busy:
            return None
        since, worker, sample = min(busy)
        return worker, sample, time.time() - since


def _pids(rows: torch.Tensor) -> list[int]:
    return [int(pid) for pid in rows[:, 0]]


class init_worker:  # noqa: N801  a function that can be pickled
    """Prepares a worker: signals are for the run, not for it.

    Args:
        then: What the config wants to be called in each worker, or None.
    """

    def __init__(self, then: Callable[[int], Any] | None = None) -> None:
        self.then = then

    def __call__(self, worker: int) -> None:
        """Called by PyTorch in the worker."""
        ignore_signals()
        if self.then is not None:
            self.then(worker)


def with_timeout(loader: dict) -> dict:
    """The config of a loader, with the limit of its workers; without any workers there is none."""
    if not loader.get('num_workers'):
        return {key: value for key, value in loader.items() if key != 'timeout'}
    return {'timeout': TIMEOUT, **loader}


def with_fitting_workers(loader: dict) -> dict:
    """The config of a loader, with no more workers than there are cores for this process.

    More would take turns on them. The samples do not depend on it.
    """
    here = int(os.environ.get('LOCAL_WORLD_SIZE', 1))  # processes that share the cores
    workers = min(loader.get('num_workers', 0), max(1, usable_cores() // here))
    return {**loader, 'num_workers': workers}


def close_workers(iterator: Any) -> None:
    """End the workers behind an iterator of a loader; nothing happens where there are none.

    When the garbage collector does it, it may have closed their queues first, and then waits five
    seconds for each of them.
    """
    close = getattr(iterator, '_shutdown_workers', None)
    if close is not None:
        close()


@contextmanager
def watched_loaders(loaders: Callable[[], dict[str, DataLoader]]) -> Iterator[None]:
    """End the workers of loaders after the block; tell which of them is lost, and at which sample.

    Args:
        loaders: Gives the loaders that are in use, by their key in the config.

    Raises:
        DataError: In place of PyTorch's RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise DataError(_explain(str(error), loaders())) from error
    except _CUT_OFF as error:
        lost = _died_at_work(loaders().values())
        if not lost and not _comes_from_a_pipe(error):
            raise
        if not lost:
            keys = ', '.join(f'{key}.num_workers' for key in loaders())
            raise DataError(
                f'a worker of a data loader has died between two samples ({error!r}). If the '
                f'memory was full, lower {keys}'
            ) from error
        pids = ', '.join(map(str, sorted(lost)))
        raise DataError(_explain(f'(pid(s) {pids}) exited', loaders())) from error
    finally:
        for loader in loaders().values():
            close_workers(getattr(loader, '_iterator', None))  # of workers that outlive an epoch
            loader._iterator = None


def _explain(text: str, loaders: dict[str, DataLoader]) -> str:
    found = re.search(r'\(pid(?:\(s\))? ([\d, ]+)\)', text)
    pids = [int(pid) for pid in found[1].split(',')] if found else []
    for key, loader in loaders.items():
        table = getattr(loader.dataset, 'workers', None)
        if table is None or (pids and not set(pids) & set(table.pids)):
            continue
        suspect = table.suspect(pids)
        if suspect is None and not pids:
            continue
        place = ', between two samples'
        if suspect is not None:
            worker, sample, seconds = suspect
            place = f' {worker} at {_sample(loader.dataset, sample)}, for {seconds:.0f} s'
        if not pids:
            return (
                f'{key}: no batch within {loader.timeout:g} s: worker{place}. Look at this file, '
                f'or raise {key}.timeout if the storage is slow'
            )
        how = re.search(r'killed by signal: ([^.]+)', text)
        end = f'was killed ({how[1].strip()})' if how else 'has died'
        return (
            f'{key}: a worker {end}: worker{place}. If the memory was full, lower '
            f'{key}.num_workers; num_workers=0 shows what happens at this sample'
        )
    return f'{text.strip()}; no sample was being loaded at this moment'


def _died_at_work(loaders: Iterable[DataLoader]) -> set[int]:
    """Processes of workers that have ended in the middle of a sample."""
    deadline = time.monotonic() + 1  # the connection may break before the process is gone
    while True:
        tables = [getattr(loader.dataset, 'workers', None) for loader in loaders]
        busy = set().union(*(table.busy for table in tables if table is not None))
        lost = busy - {process.pid for process in multiprocessing.active_children()}
        if lost or time.monotonic() > deadline:
            return lost
        time.sleep(0.05)


def _comes_from_a_pipe(error: BaseException) -> bool:
    """Whether an error was met while reading from another process of this run."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_filename == connection.__file__ for frame, _ in frames)


def _sample(dataset: Dataset, index: int) -> str:
    """A sample in words."""
    try:
        info = dataset.get_data_info(index)
        return f'sample {index} (clip {info["clip_id"]})'
    except (AttributeError, KeyError, IndexError, TypeError):
        return f'sample {index}'


def _kill_workers() -> None:
    """Before the interpreter joins its children: workers don't receive a SIGTERM."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch's handler raises
    pids = _forgotten.union(*(table.pids for table in _tables))
    for process in multiprocessing.active_children():
        if process.pid in pids:
            process.kill()


atexit.register(_kill_workers)  # runs before that of multiprocessing, which was registered earlier
