"""How long the stages of a job take, without handing a stopwatch from call to call.

`measure_stages` starts a clock for everything that runs in its block; `stage` and `timed` say what
a piece of work belongs to, and cost next to nothing where nobody measures.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_T = TypeVar('_T')


class StageClock:
    """Adds up the time of named stages; a stage within a stage counts for itself alone.

    Stages of several threads run side by side, so that their times may add up to more than has
    passed.

    Attributes:
        seconds: Stage -> seconds so far.
        busy: Seconds in which some stage ran.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.busy = 0.0
        self._threads: dict[int, list[str]] = defaultdict(list)  # stages, the innermost last
        self._since = time.perf_counter()
        self._lock = threading.Lock()

    def shares(self, total: float) -> dict[str, float]:
        """Stage -> share of `total` seconds in which it ran; 'rest' is when none did."""
        found = {name: seconds / total for name, seconds in self.seconds.items()}
        return found | {'rest': max(0.0, 1 - self.busy / total)}

    def enter(self, name: str) -> None:
        """Begin a stage within the one that runs in this thread."""
        with self._lock:
            self._settle()
            self._threads[threading.get_ident()].append(name)

    def leave(self) -> None:
        """End the innermost stage of this thread."""
        with self._lock:
            self._settle()
            thread = threading.get_ident()
            self._threads[thread].pop()
            if not self._threads[thread]:
                del self._threads[thread]

    def _settle(self) -> None:
        now = time.perf_counter()
        passed, self._since = now - self._since, now
        if self._threads:
            self.busy += passed
        for running in self._threads.values():
            self.seconds[running[-1]] += passed


_clock: ContextVar[StageClock | None] = ContextVar('clock', default=None)


@contextmanager
def measure_stages() -> Iterator[StageClock]:
    """Measure the stages of what runs in the block."""
    token = _clock.set(StageClock())
    try:
        yield _clock.get()
    finally:
        _clock.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the block as part of a stage."""
    clock = _clock.get()
    if clock is None:
        yield
        return
    clock.enter(name)
    try:
        yield
    finally:
        clock.leave()


def timed(name: str, items: Iterable[_T]) -> Iterator[_T]:
    """The items; the time that getting each of them takes is part of a stage."""
    iterator = iter(items)
    while True:
        with stage(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
