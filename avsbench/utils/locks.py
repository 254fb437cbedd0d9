"""A lock on a folder that the death of its process releases."""

import datetime
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avsbench.utils.errors import ConfigError

_open: set[int] = set()
POLL = 0.2  # seconds after which a process that waits for a lock tries again
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


def _close_in_child() -> None:
    """A forked worker must not hold the lock of a process that has died."""
    for descriptor in _open:
        os.close(descriptor)
    _open.clear()


os.register_at_fork(after_in_child=_close_in_child)


class FileLock:
    """Held by one process at a time, on this machine or, as far as the file system goes, on others.

    The file names its holder. It is removed when the lock is released; one that is left behind is
    that of a process that has died, and is taken over.

    Args:
        path: The file; its folder exists.
        what: What it protects, for the message.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what
        self._descriptor: int | None = None

    def acquire(self) -> str | None:
        """Take the lock.

        Returns:
            Who died with it, or None.

        Raises:
            ConfigError: Another process has it.
        """
        taken, holder = self._try()
        if not taken:
            raise ConfigError(
                f'{self._what} is in use by {_name(holder)} ({self.path}); wait for it to end, '
                'or use another folder'
            )
        return _name(holder) if holder else None

    @contextmanager
    def waiting(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Hold the lock for a block, once no other process has it.

        Args:
            tell: Called once with what is waited for, if another process has it.
        """
        taken, holder = self._try()
        if not taken:
            tell(
                f'{self._what} is in use by {_name(holder)}; waiting for it to end (if that '
                f'process no longer runs, remove {self.path})'
            )
        while not taken:
            time.sleep(POLL)
            taken, _ = self._try()
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Give it up; nothing happens where it is not held."""
        if self._descriptor is None:
            return
        if self._is_current(self._descriptor):
            self.path.unlink()
        _open.discard(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = None

    def _try(self) -> tuple[bool, dict[str, Any]]:
        """Whether the lock is taken now, and who has it or died with it; empty if nobody."""
        self.release()
        while self._descriptor is None:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            holder = _read(descriptor)
            if self._is_taken(descriptor, holder):
                os.close(descriptor)
                return False, holder
            if not self._is_current(descriptor):  # removed by its holder in between
                os.close(descriptor)
                continue
            self._descriptor = descriptor
            _open.add(descriptor)
        since = datetime.datetime.now().astimezone().isoformat(timespec='seconds')
        content = {'host': socket.gethostname(), 'pid': os.getpid(), 'since': since}
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(content).encode() + b'\n', 0)
        return True, holder

    def _is_taken(self, descriptor: int, holder: dict[str, Any]) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return True
            # A file system without locks: only the holder named in the file can be asked for.
            return bool(holder) and not _is_dead(holder)
        return False

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False


def _read(descriptor: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0) or b'{}')
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {'host': 'an unknown host'}


def _name(holder: dict[str, Any]) -> str:
    return (
        f'process {holder.get("pid", "?")} on {holder.get("host", "?")}, '
        f'since {holder.get("since", "?")}'
    )


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder ran on this machine and does no more."""
    pid = holder.get('pid')
    if holder.get('host') != socket.gethostname() or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
