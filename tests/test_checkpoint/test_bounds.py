"""Checkpoints that were made to keep the reader busy, or to take memory."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avsbench.checkpoint.reading import read_checkpoint
from avsbench.utils.errors import CheckpointError


def nested(levels: int, times: int = 2) -> tuple:
    value: tuple = ()
    for _ in range(levels):
        value = (value,) * times
    return value


def with_pickle(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """An archive of torch.save whose pickle is changed."""
    buffer = io.BytesIO()
    torch.save({'weight': torch.ones(200)}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, 'w') as target:
        for entry in source.infolist():
            data = source.read(entry)
            data = change(data) if entry.filename.endswith('data.pkl') else data
            target.writestr(entry.filename, data)
    return path


@pytest.mark.parametrize(('levels', 'times'), [(40, 2), (4, 100), (200, 1)])
@pytest.mark.parametrize('protocol', [2, 4])
def test_keys_that_take_long_to_hash(tmp_path, levels, times, protocol) -> None:
    content = pickle.dumps([nested(levels, times)], protocol)
    end = content.rindex(b'a.')  # appended to the list; now the key of a dict instead
    content = content[:end].replace(b']', b'}', 1) + b'K\x01s.'
    path = with_pickle(tmp_path / 'x.pth', lambda _: content)
    with pytest.raises(CheckpointError, match='x.pth: refused: it holds tuples in tuples'):
        read_checkpoint(path)


def test_the_same_in_a_file_that_is_no_archive(tmp_path) -> None:
    torch.save({'a': nested(40)}, tmp_path / 'x.pth', _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match='x.pth: refused: it holds tuples in tuples'):
        read_checkpoint(tmp_path / 'x.pth')


@pytest.mark.parametrize('new', [True, False])
def test_ordinary_nesting_is_read(tmp_path, new) -> None:
    content = {'state_dict': {'w': torch.ones(2)}, 'meta': [nested(6), {'a': (1, (2, [3]))}] * 3}
    torch.save(content, tmp_path / 'x.pth', _use_new_zipfile_serialization=new)
    assert read_checkpoint(tmp_path / 'x.pth')['meta'] == content['meta']


def test_a_tensor_that_claims_more_than_is_stored(tmp_path) -> None:
    """torch does not enlarge what it has read from an archive."""

    def claim(content: bytes) -> bytes:
        size = b'K\xc8\x85'  # the tuple (200,)
        assert content.count(size) == 1
        return content.replace(size, b'J\x00\x00\x00\x10\x85')  # 2^28

    assert read_checkpoint(with_pickle(tmp_path / 'x.pth', lambda content: content))
    with pytest.raises(CheckpointError, match=r'x\.pth: .*damaged \(.*resize storage'):
        read_checkpoint(with_pickle(tmp_path / 'x.pth', claim))


def test_an_opcode_that_claims_terabytes(tmp_path) -> None:
    (tmp_path / 'x.pth').write_bytes(b'\x80\x05\x8e' + (2**45).to_bytes(8, 'little') + b'x.')
    with pytest.raises(CheckpointError, match='x.pth: not a file of torch.save, or damaged'):
        read_checkpoint(tmp_path / 'x.pth')
