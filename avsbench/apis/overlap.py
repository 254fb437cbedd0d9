"""Stages of a job that work at the same time: an iterator that is computed ahead in a thread."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Generic, TypeVar

_T = TypeVar('_T')


class _Ahead(Generic[_T]):
    """Items of an iterator that a thread computes; at most `depth` of them wait.

    Args:
        items: Used and closed by the thread alone.
        depth: How many items may wait.
        name: Of the thread.
    """

    def __init__(self, items: Iterator[_T], depth: int, name: str) -> None:
        self._items = items
        self._depth = depth
        self._ready: deque[_T] = deque()
        self._changed = threading.Condition()
        self._stopped = self._finished = False
        self._error: BaseException | None = None
        # the thread's own copy, so that `measure_stages` sees what it does
        work = copy_context().run
        self._thread = threading.Thread(target=work, args=(self._work,), name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._finished)
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Stop the thread after the item that it computes, and wait for its end."""
        with self._changed:
            self._stopped = True
            self._ready.clear()
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        error = None
        try:
            while self._wait_for_room():
                item = next(self._items)
                with self._changed:
                    self._ready.append(item)
                    self._changed.notify_all()
        except StopIteration:
            pass
        except BaseException as raised:  # also KeyboardInterrupt: the caller is to see it
            error = raised
        try:
            getattr(self._items, 'close', lambda: None)()
        except BaseException as raised:
            error = error or raised
        with self._changed:
            self._error, self._finished = error, True
            self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        """Wait until an item may be computed; False if none is wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._ready) < self._depth)
            return not self._stopped


@contextmanager
def ahead(items: Iterable[_T], depth: int, name: str) -> Iterator[Iterator[_T]]:
    """Compute items in a thread, while the block uses those before.

    What the iterator raises is raised where its item is asked for. However the block is left, the
    iterator is closed and its thread has ended.

    Args:
        items: What is computed; nobody else may use it.
        depth: How many items may wait for the block, besides the one in the making.
        name: Of the thread.

    Yields:
        The same items in the same order.
    """
    thread = _Ahead(iter(items), depth, name)
    try:
        yield thread
    finally:
        thread.close()
