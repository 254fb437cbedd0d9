"""Checkpoints that were made to keep the reader busy, or to take memory."""

import io
import pickle
import zipfile
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


def with_pickle(path: Path, content: bytes, storage: bytes = b'') -> Path:
    """An archive of torch.save with another pickle in it."""
    buffer = io.BytesIO()
    torch.save({'weight': torch.ones(4)}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, 'w') as target:
        for entry in source.infolist():
            data = content if entry.filename.endswith('data.pkl') else source.read(entry)
            target.writestr(entry.filename, data)
    return path


@pytest.mark.parametrize(('levels', 'times'), [(40, 2), (4, 100), (200, 1)])
@pytest.mark.parametrize('protocol', [2, 4])
def test_keys_that_take_long_to_hash(tmp_path, levels, times, protocol) -> None:
    content = pickle.dumps([nested(levels, times)], protocol)
    end = content.rindex(b'a.')  # appended to the list; now the key of a dict instead
    content = content[:end].replace(b']', b'}', 1) + b'K\x01s.'
    path = with_pickle(tmp_path / 'x.pth', content)
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


def test_tensors_that_share_their_values_count_once(tmp_path) -> None:
    whole = torch.zeros(2**20)
    torch.save({str(index): whole[index:] for index in range(50)}, tmp_path / 'x.pth')
    assert len(read_checkpoint(tmp_path / 'x.pth')) == 50


def test_a_tensor_that_claims_more_than_is_stored(tmp_path) -> None:
    buffer = io.BytesIO()
    torch.save({'weight': torch.ones(200)}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith('data.pkl'))
        content = archive.read(name)
    size = b'K\xc8\x85'  # the tuple (200,)
    assert content.count(size) == 1
    claimed = content.replace(size, b'J\x00\x00\x00\x10\x85')  # 2^28
    path = with_pickle(tmp_path / 'x.pth', claimed)
    with pytest.raises(CheckpointError, match=r'x\.pth: .*(claim \d+ bytes|damaged)'):
        read_checkpoint(path)
