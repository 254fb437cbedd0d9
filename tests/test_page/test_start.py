"""What `avsbench page` says, before it reads a network, of values that it can't use."""

import socket

import pytest

pytest.importorskip('gradio')
pytest.importorskip('av')

NETWORK = ('--config', 'none.py', '--checkpoint', 'none.pth')


@pytest.mark.parametrize(
    'words, message',
    [
        (('--port', '99999'), '--port 99999: expected 1 to 65535'),
        (('--port', '0'), '--port 0: expected 1 to 65535'),
        (('--max-upload', 'abc'), '--max-upload abc: expected a whole number and a unit'),
        (('--max-upload', '500'), '--max-upload 500: expected a whole number and a unit'),
        (('--max-upload', '0mb'), '--max-upload 0mb: expected a whole number and a unit'),
        (('--max-seconds', '0'), '--max-seconds 0: expected more than 0'),
        (('--max-seconds', 'nan'), '--max-seconds nan: expected more than 0'),
        (('--host', '192.0.2.1'), '--host 192.0.2.1: no page can be opened there'),
    ],
)
def test_values_that_cannot_be_used(tool, words, message) -> None:
    done = tool('../demo/gradio_app', *NETWORK, *words)
    assert done.code == 2 and message in done.err, done.err


def test_a_port_that_is_taken(tool) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = tool('../demo/gradio_app', *NETWORK, '--port', port)
    assert done.code == 2 and f'--port {port}: no page can be opened there' in done.err, done.err


@pytest.mark.parametrize('size', ['100kb', '2 GB', '10b'])
def test_sizes_and_free_ports_are_taken(tool, size) -> None:
    done = tool('../demo/gradio_app', *NETWORK, '--max-upload', size)
    assert done.code == 2 and 'none.py' in done.err and '--max-upload' not in done.err, done.err
