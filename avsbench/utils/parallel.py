"""Work in several processes."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

_Task = TypeVar('_Task')
_Result = TypeVar('_Result')


def map_in_processes(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], workers: int
) -> Iterator[_Result]:
    """The results of all tasks, in their order, as they come.

    Args:
        work: Can be pickled, as a function of a module can.
        tasks: What `work` is called with, one after the other.
        workers: Processes; 0 and 1 work in this one. More need the caller's main module to be
            importable, as for everything in `multiprocessing`.
    """
    if workers <= 1:
        yield from map(work, tasks)
        return
    # 'spawn' works on every platform and inherits no threads.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(work, tasks, chunksize=max(1, min(8, len(tasks) // workers)))
        finally:
            pool.shutdown(cancel_futures=True)
