"""How long the stages of a job take."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar('_T')


class StageClock:
    """Adds up the time of named stages; what runs inside another stage counts for itself alone.

    Attributes:
        seconds: stage -> seconds so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what happens in a `with` block."""
        self._settle()
        self._running.append(stage)
        try:
            yield
        finally:
            self._settle()
            self._running.pop()

    def over(self, stage: str, items: Iterable[_T]) -> Iterator[_T]:
        """The items, with the time that getting each of them takes counted."""
        iterator = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def shares(self, total: float) -> dict[str, float]:
        """Stage -> share of `total` seconds; what no stage counts is 'rest'."""
        found = {stage: seconds / total for stage, seconds in self.seconds.items()}
        return found | {'rest': max(0.0, 1 - sum(found.values()))}

    def _settle(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now
