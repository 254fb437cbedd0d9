"""Long work: in several processes, with a bar that shows how far it is."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_Task = TypeVar('_Task')
_Result = TypeVar('_Result')


def usable_cores() -> int:
    """Cores that this process may use, which `taskset`, a container or SLURM may limit."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    with _bar(total) as bar:
        yield from bar.track(items, total, description=label)


@contextmanager
def show_stages(count: int) -> Iterator[Callable[[str], None]]:
    """A progress bar, on a terminal, of work in stages.

    Args:
        count: Of the stages.

    Yields:
        A function to call at the beginning of each, with its name.
    """
    with _bar(count) as bar:
        task, begun = bar.add_task('', total=count), 0

        def begin(name: str) -> None:
            nonlocal begun
            bar.update(task, description=name, completed=begun)
            begun += 1

        yield begin
        bar.update(task, completed=count)


def _bar(total: int) -> Progress:
    console = Console(stderr=True)  # stdout may be piped into a file
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        TextColumn('{task.percentage:>3.0f}%'),
    )
    return Progress(
        *columns,
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        redirect_stdout=sys.stdout.isatty(),  # lines that are printed meanwhile stand above it
        disable=not console.is_terminal or not total,
    )
