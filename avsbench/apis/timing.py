"""How long the stages of a job take, without handing a stopwatch from call to call.

`measure_stages` starts a clock for everything that runs in its block; `stage` and `timed` say what
a piece of work belongs to, and cost next to nothing where nobody measures.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_T = TypeVar('_T')


class StageClock:
    """Adds up the time of named stages; a stage within a stage counts for itself alone.

    Attributes:
        seconds: Stage -> seconds so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = time.perf_counter()

    def shares(self, total: float) -> dict[str, float]:
        """Stage -> share of `total` seconds; what belongs to no stage is 'rest'."""
        found = {name: seconds / total for name, seconds in self.seconds.items()}
        return found | {'rest': max(0.0, 1 - sum(found.values()))}

    def enter(self, name: str) -> None:
        """Begin a stage within the one that runs."""
        self._settle()
        self._running.append(name)

    def leave(self) -> None:
        """End the innermost stage."""
        self._settle()
        self._running.pop()

    def _settle(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


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
