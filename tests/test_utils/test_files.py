import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from avsbench.utils.files import atomic_write, write_json, write_text


@pytest.mark.parametrize('durable', [True, False])
def test_replaces_at_the_end(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / 'made' / 'here' / 'a.txt'
    write_text(path, 'old')
    with atomic_write(path, durable=durable) as temporary:
        temporary.write_text('new')
        assert path.read_text() == 'old' and temporary.parent == path.parent
    assert path.read_text() == 'new' and os.listdir(path.parent) == ['a.txt']


@pytest.mark.parametrize('kind', [ValueError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_alone(tmp_path: Path, kind: type[BaseException]) -> None:
    path = tmp_path / 'a.txt'
    write_text(path, 'old')
    with pytest.raises(kind), atomic_write(path) as temporary:
        temporary.write_text('half')
        raise kind
    assert path.read_text() == 'old' and os.listdir(tmp_path) == ['a.txt']


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    path, both = tmp_path / 'a.txt', threading.Barrier(2)

    def write(text: str) -> None:
        with atomic_write(path) as temporary:
            temporary.write_text(text)
            both.wait(timeout=30)
            assert temporary.read_text() == text

    threads = [threading.Thread(target=write, args=(text * 1000,)) for text in 'xy']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ('x' * 1000, 'y' * 1000) and os.listdir(tmp_path) == ['a.txt']


def test_json(tmp_path: Path) -> None:
    content = {
        1: np.float32(0.5),
        'a': (np.arange(2), torch.ones(1)),
        'b': [float('nan'), tmp_path],
    }
    write_json(tmp_path / 'a.json', content)
    read = json.loads((tmp_path / 'a.json').read_text())
    assert read == {'1': 0.5, 'a': [[0, 1], [1.0]], 'b': [None, str(tmp_path)]}
