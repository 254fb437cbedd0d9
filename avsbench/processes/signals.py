"""What a signal does to a run: it ends at a point from which a training can go on.

SIGTERM (a batch system that wants the machine back), SIGINT (Ctrl-C), SIGUSR1 (a warning ahead of
time, as SLURM's `--signal=USR1@120`) and SIGHUP (a terminal that was closed). Outside of a training
they end the command at once, by `Interrupted`; inside, `SignalWatch` notes them until the next step
boundary. The exit code is 128 + signal.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
IMPATIENCE = 1.0
"""Seconds after the first Ctrl-C from which a second one ends the run at once: a terminal and a
launcher may both deliver the first."""

_Handler = Callable[[int, FrameType | None], None]


class Interrupted(KeyboardInterrupt):  # noqa: N818, as its base
    """A signal has ended the run.

    Args:
        number: Of the signal.
        note: What was saved and how to go on, or ''.
    """

    def __init__(self, number: int, note: str = '') -> None:
        self.number = number
        text = f'interrupted by {signal.Signals(number).name}'
        super().__init__(f'{text}: {note}' if note else text)

    @property
    def exit_code(self) -> int:
        """128 + signal."""
        return 128 + self.number


@contextmanager
def handled(handler: _Handler) -> Iterator[None]:
    """Install a handler of `SIGNALS` for the block.

    A signal that is ignored stays so, as SIGHUP under nohup. Only the main thread can install
    handlers; elsewhere nothing is done. A forked child is ended by these signals as usual.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def guarded(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            handler(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    before: dict[int, Any] = {}
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, guarded)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


def raise_interrupted(number: int, frame: FrameType | None) -> None:
    """Handler that ends a command at once, with its temporary files removed."""
    raise Interrupted(number)


def ignore_signals() -> None:
    """For workers: a signal to all processes of a run must not take the workers from under it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class SignalWatch:
    """Notes signals; the run asks for them at each step boundary.

    A second Ctrl-C ends the run at once.

    Args:
        combine: Gives all processes the highest of their numbers; called by each of them at each
            step. None in a single process.
    """

    def __init__(self, combine: Callable[[int], int] | None = None) -> None:
        self._combine = combine
        self._number = 0
        self._since = 0.0

    @property
    def alone(self) -> bool:
        """Whether this is the only process."""
        return self._combine is None

    @property
    def noted(self) -> int:
        """The first signal that this process got, or 0."""
        return self._number

    def agreed(self) -> int:
        """The signal by which the run is to end now, the same in all processes, or 0."""
        return self._number if self._combine is None else self._combine(self._number)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note signals in the block."""
        self._number = 0
        with handled(self._note):
            yield

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._number == signal.SIGINT == number and now - self._since > IMPATIENCE:
            raise Interrupted(number, 'nothing was saved since the last checkpoint')
        if not self._number:
            self._number, self._since = number, now
            if os.environ.get('RANK', '0') == '0':
                again = '; once more to end at once' if number == signal.SIGINT else ''
                name = signal.Signals(number).name
                # Not print: the signal may have come in the middle of one.
                os.write(2, f'{name}: saving a checkpoint after this step{again}\n'.encode())
