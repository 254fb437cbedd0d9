"""Downloads: from the named hosts, verified, and nothing is left of one that failed."""

import pytest
from weight_server import CONTENT, SHA256, Handler

from avsbench.utils.errors import CheckpointError
from avsbench.weights import download as module
from avsbench.weights.download import check_address, download
from avsbench.weights.store import fetch


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
