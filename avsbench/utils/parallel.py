"""Long work: in several processes, with a bar that shows how far it is."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import track

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


def show_progress(items: Iterable[_Task], total: int, label: str) -> Iterator[_Task]:
    """The items, with a progress bar on a terminal; nothing is shown elsewhere.

    Args:
        items: What the caller goes through.
        total: How many there are; 0 shows no bar.
        label: Text before the bar.
    """
    console = Console(stderr=True)  # stdout may be piped into a file
    quiet = not console.is_terminal or not total
    yield from track(items, label, total, console=console, disable=quiet)
