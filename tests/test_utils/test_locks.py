"""A lock names its holder, and ends with its process."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from avsbench.utils.errors import ConfigError
from avsbench.utils.locks import FileLock

# Takes the lock, starts a child as a loader does its workers, and is killed.
KILLED = """
import os, pathlib, signal, sys, time
from avsbench.utils.locks import FileLock
FileLock(pathlib.Path(sys.argv[1]), 'x').acquire()
reader, writer = os.pipe()
child = os.fork()
if not child:
    os.close(1)
    os.write(writer, b'x')
    time.sleep(60)
    os._exit(0)
os.read(reader, 1)  # the child runs
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def lock_on(folder: Path) -> FileLock:
    return FileLock(folder / 'a.lock', 'the folder')


def test_one_holder_at_a_time(tmp_path) -> None:
    first, second = lock_on(tmp_path), lock_on(tmp_path)
    assert first.acquire() is None
    found = json.loads(first.path.read_text())
    assert (found['host'], found['pid']) == (socket.gethostname(), os.getpid())
    message = rf'the folder is in use by process {os.getpid()} on {found["host"]}, since .*a\.lock'
    with pytest.raises(ConfigError, match=message):
        second.acquire()
    first.release()
    assert not first.path.exists()
    assert second.acquire() is None
    assert second.acquire() is None  # again: the same holder


def test_that_of_a_killed_process_is_taken_over(tmp_path) -> None:
    """Its workers may live on for a while."""
    command = [sys.executable, '-c', KILLED, str(tmp_path / 'a.lock')]
    died = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    child = int(died.stdout.readline())
    assert died.wait() == -signal.SIGKILL
    try:
        holder = f'process {died.pid} on {socket.gethostname()}, since'
        assert lock_on(tmp_path).acquire().startswith(holder)
    finally:
        os.kill(child, signal.SIGKILL)


def test_waiting_until_the_holder_ends(tmp_path, monkeypatch) -> None:
    first, second = lock_on(tmp_path), lock_on(tmp_path)
    first.acquire()
    told, waits = [], iter([lambda: None, first.release])
    monkeypatch.setattr('avsbench.utils.locks.time.sleep', lambda _: next(waits)())
    with second.waiting(told.append):
        with pytest.raises(ConfigError, match='in use'):
            first.acquire()
    assert len(told) == 1 and f'in use by process {os.getpid()}' in told[0]
    assert next(waits, None) is None and not first.path.exists()


@pytest.mark.parametrize('content', ['', 'not json', '[]'])
def test_file_that_names_nobody(tmp_path, content) -> None:
    (tmp_path / 'a.lock').write_text(content)
    lock_on(tmp_path).acquire()
    with pytest.raises(ConfigError, match=f'process {os.getpid()}'):
        lock_on(tmp_path).acquire()


@pytest.mark.parametrize(
    ('host', 'pid', 'taken'),
    [
        (socket.gethostname(), os.getpid(), True),
        (socket.gethostname(), 2**22 + 1, False),  # more than Linux gives
        ('another', 2**22 + 1, True),  # who can't be asked
    ],
    ids=['alive', 'dead', 'elsewhere'],  # the same in every process of the tests
)
def test_file_system_without_locks(tmp_path, monkeypatch, host, pid, taken) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr('fcntl.flock', refuse)
    lock = lock_on(tmp_path)
    assert lock.acquire() is None
    lock.release()
    lock.path.write_text(json.dumps({'host': host, 'pid': pid, 'since': 'then'}))
    if taken:
        with pytest.raises(ConfigError, match=f'process {pid} on {host}, since then'):
            lock.acquire()
    else:
        assert lock.acquire() == f'process {pid} on {host}, since then'
