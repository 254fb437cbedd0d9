"""Downloads: from the named hosts, verified, and nothing is left of one that failed."""

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from weight_server import CONTENT, SHA256, Handler

from avsbench.utils.errors import CheckpointError
from avsbench.weights import download as module
from avsbench.weights.download import check_address, download
from avsbench.weights.places import home
from avsbench.weights.store import fetch

ROOT = Path(__file__).resolve().parents[2]

# Has a lock and a part of a file, and is killed.
KILLED = """
import os, pathlib, signal, sys
from avsbench.utils.files import atomic_write
from avsbench.utils.locks import FileLock
target = pathlib.Path(sys.argv[1])
target.parent.mkdir(parents=True)
with FileLock(pathlib.Path(f'{target}.lock'), 'x').waiting(print), atomic_write(target) as part:
    part.write_bytes(b'PK')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_is_downloaded_once_and_its_hash_is_told(listed, store, capsys) -> None:
    entry = listed()
    path = fetch(entry)
    assert path == store / 'vct_s4_swinb.pth' and path.read_bytes() == CONTENT
    assert 'knows no SHA-256' in (said := capsys.readouterr().err) and SHA256 in said
    fetch(entry)
    assert Handler.requests == ['/a.pth']
    assert 'knows no' not in capsys.readouterr().err


@pytest.mark.parametrize('digits', [8, 64])
def test_a_known_hash_is_verified_then_and_on_every_use(listed, digits, capsys) -> None:
    entry = listed(sha256=SHA256[:digits])
    path = fetch(entry)
    assert 'knows no' not in capsys.readouterr().err
    assert fetch(entry) == path
    path.write_bytes(CONTENT + b'!')
    with pytest.raises(CheckpointError, match='damaged or another one; remove it'):
        fetch(entry)


def test_an_unchanged_file_is_hashed_once(listed, monkeypatch) -> None:
    entry = listed(sha256=SHA256)
    fetch(entry)
    monkeypatch.setattr('avsbench.weights.store.sha256_of', lambda path: 1 / 0)
    fetch(entry)


@pytest.mark.parametrize(
    ('path', 'changes', 'message'),
    [
        ('/a.pth', {'sha256': '0' * 64}, f'is {SHA256}, expected 0000'),
        ('/page.pth', {}, 'a web page came'),
        ('/broken.pth', {}, 'connection broke off|IncompleteRead'),
        ('/missing.pth', {}, 'download failed .*Not Found.* put it at'),
        ('/to/http://localhost:1/a.pth', {}, 'redirected to localhost, which is none of the hosts'),
        ('/to/ftp://127.0.0.1/a.pth', {}, 'only https'),
        ('/a.pth', {'hosts': ('a.org',)}, r'none of the hosts .*\(a.org\)'),
    ],
)
def test_nothing_is_left_of_a_download_that_failed(listed, store, path, changes, message) -> None:
    with pytest.raises(CheckpointError, match=message):
        fetch(listed(path=path, **changes))
    assert not store.exists() or not list(store.iterdir())


def test_a_redirect_to_a_named_host_is_followed(listed, server) -> None:
    assert fetch(listed(path=f'/to/{server}/b.pth')).read_bytes() == CONTENT
    assert Handler.requests[-1] == '/b.pth'


def test_no_more_is_taken_than_is_allowed(listed, monkeypatch, tmp_path, server) -> None:
    monkeypatch.setattr(module, 'MAX_BYTES', len(CONTENT) - 1)
    with pytest.raises(CheckpointError, match='more than the'):
        download(f'{server}/a.pth', tmp_path / 'a.pth', hosts=['127.0.0.1'])


def test_https_and_whole_names_of_hosts() -> None:
    check_address('https://cdn.a.org/x', ['.a.org'])
    for address in ('http://a.org/x', 'https://evil-a.org/x', 'https://a.org.evil/x', 'a.org/x'):
        with pytest.raises(CheckpointError):
            check_address(address, ['a.org', '.a.org'])


@pytest.mark.parametrize('changes', [{}, {'sha256': SHA256}], ids=['unknown', 'known'])
def test_several_at_once_download_one_time(listed, store, capfd, changes) -> None:
    entry = listed(path='/slow.pth', **changes)
    with ThreadPoolExecutor(
        3
    ) as pool:  # a lock is of an open file, so threads meet as processes do
        found = list(pool.map(fetch, [entry] * 3))
    assert Handler.requests == ['/slow.pth']
    assert {path.read_bytes() for path in found} == {CONTENT}
    assert [path.name for path in store.iterdir()] == ['vct_s4_swinb.pth']
    said = capfd.readouterr().err
    assert said.count(f'is in use by process {os.getpid()}') == 2 and 'waiting' in said


def test_who_waited_verifies_what_came(listed, store, monkeypatch) -> None:
    """Also a file that another program has put there, such as an older version."""
    entry = listed(sha256=SHA256)

    def other(target: Path) -> bool:
        store.mkdir(parents=True, exist_ok=True)
        (store / 'vct_s4_swinb.pth').write_bytes(b'another')
        return False

    checks = iter([other])
    is_file = Path.is_file
    monkeypatch.setattr(Path, 'is_file', lambda path: next(checks, is_file)(path))
    with pytest.raises(CheckpointError, match='damaged or another one'):
        fetch(entry)
    assert Handler.requests == []


def test_a_killed_download_leaves_neither_lock_nor_file(listed, store) -> None:
    target = store / 'vct_s4_swinb.pth'
    died = subprocess.run([sys.executable, '-c', KILLED, str(target)], cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    assert len(list(store.iterdir())) == 2 and not target.exists()  # its lock, and a part
    (store / 'vct_s4_swinb.pth.mine.tmp').touch()
    assert fetch(listed()).read_bytes() == CONTENT
    assert {path.name for path in store.iterdir()} == {target.name, f'{target.name}.mine.tmp'}


def test_a_full_disk_is_no_fault_of_the_network(listed, store, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(module, '_receive', full)
    with pytest.raises(
        CheckpointError, match=r'\.pth: cannot be written \(No space.*AVSBENCH_HOME'
    ):
        fetch(listed())
    assert not list(store.iterdir())


def test_a_store_that_can_not_be_made(listed, store) -> None:
    store.parent.write_text('a file')
    with pytest.raises(CheckpointError, match='cannot be written .*Make room or give access'):
        fetch(listed())


def test_hashes_that_can_not_be_kept_are_computed_again(listed) -> None:
    """The store of a cluster may be read-only for most."""
    (home() / 'verified.json').mkdir(parents=True)
    entry = listed(sha256=SHA256)
    assert fetch(entry) == fetch(entry)
