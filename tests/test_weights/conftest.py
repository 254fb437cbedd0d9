"""A server on this machine in place of the hosts of weights, and an index of its own."""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from weight_server import Handler

from avsbench.weights import download
from avsbench.weights.index import PublishedWeights, read_index
from avsbench.weights.places import HOME


@pytest.fixture
def server(monkeypatch) -> Iterator[str]:
    """Its address; plain http is allowed for it."""
    monkeypatch.setattr(download, 'SCHEMES', ('http',))
    monkeypatch.setattr(Handler, 'requests', [])
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{found.server_port}'
        found.shutdown()


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The folder of downloads, and a current folder without files of weights."""
    monkeypatch.setenv(HOME, str(tmp_path / 'home'))
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    return tmp_path / 'home' / 'weights'


@pytest.fixture
def listed(server) -> Callable[..., PublishedWeights]:
    """An entry of the index that the server has."""

    def make(name: str = 'vct_s4_swinb', path: str = '/a.pth', **changes) -> PublishedWeights:
        entry = read_index().weights[name]
        changes = {'hosts': ('127.0.0.1',), **changes}
        return replace(entry, address=f'{server}{path}', **changes)

    return make
