"""Pickles that do more than hold a tensor are refused, and nothing in them runs."""

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from avsbench.utils.errors import DataError
from avsbench.utils.safe_pickle import load_tensor_pickle

SYSTEM = f'{os.system.__module__}.system'  # posix or nt


class Call:
    """Pickles as a call of `function(*arguments)`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def touch(marker: Path) -> str:
    return f'touch {marker}'


def write(folder: Path, value: object) -> Path:
    path = folder / 'x.pkl'
    path.write_bytes(pickle.dumps(value))
    return path


def legacy_torch_file(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def saved_by_torch(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def nested(marker: Path) -> bytes:
    inner = legacy_torch_file(Call(os.system, touch(marker)))
    return pickle.dumps(Call(torch.storage._load_from_bytes, inner))


def getattr_chain(marker: Path) -> bytes:
    """getattr(__import__('os'), 'system')(...), written by hand: modules can't be pickled."""
    look_up = b'cbuiltins\ngetattr\n(cbuiltins\n__import__\n(S"os"\ntRS"system"\ntR'
    return look_up + b'(S"%s"\ntR.' % touch(marker).encode()


PAYLOADS = {
    'os.system': lambda marker: pickle.dumps(Call(os.system, touch(marker))),
    'eval': lambda marker: pickle.dumps(Call(eval, f'open({str(marker)!r}, "w").close()')),
    'nested file': nested,
    'getattr chain': getattr_chain,
    'numpy object array': lambda marker: pickle.dumps(
        np.array([Call(os.system, touch(marker))], dtype=object)
    ),
}
REASONS = {
    'os.system': SYSTEM,
    'eval': 'builtins.eval',
    'nested file': f'{SYSTEM} (in the inner file)',
    'getattr chain': 'builtins.getattr',
    'numpy object array': 'numpy',
}


@pytest.mark.parametrize('name', PAYLOADS)
def test_refuses_what_runs_code(tmp_path: Path, name: str) -> None:
    path, marker = tmp_path / 'x.pkl', tmp_path / 'marker'
    path.write_bytes(PAYLOADS[name](marker))
    with pytest.raises(DataError) as caught:
        load_tensor_pickle(path)
    assert f'{path}: refused' in str(caught.value)
    assert f'asks for {REASONS[name]}' in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize('name', PAYLOADS)
def test_payloads_are_live(tmp_path: Path, name: str) -> None:
    """Unpickled plainly, each of them does run: the test above can fail."""
    marker = tmp_path / 'marker'
    pickle.Unpickler(io.BytesIO(PAYLOADS[name](marker))).load()
    assert marker.exists()


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_published_files(tmp_path: Path, protocol: int) -> None:
    tensor = torch.randn(5, 1, 96, 64).requires_grad_()
    path = tmp_path / 'x.pkl'
    path.write_bytes(pickle.dumps(tensor, protocol))
    found = load_tensor_pickle(path)
    assert torch.equal(found, tensor)
    assert found.dtype == torch.float32
    assert not found.requires_grad


def test_reads_views(tmp_path: Path) -> None:
    tensor = torch.arange(24.0).reshape(4, 6)[1:3, ::2].T
    assert torch.equal(load_tensor_pickle(write(tmp_path, tensor)), tensor)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'refused'),
        (b'<html>quota exceeded</html>', 'refused'),
        (pickle.dumps(torch.randn(5, 6))[:-50], 'refused'),
        (saved_by_torch(torch.zeros(2)), 'it is an archive, as torch.save'),
        (pickle.dumps([1, 2]), 'it holds a list'),
        (pickle.dumps(OrderedDict(a=1)), 'it holds a dict'),
    ],
)
def test_refuses_other_content(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / 'x.pkl'
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        load_tensor_pickle(path)


@pytest.mark.filterwarnings('ignore:TypedStorage is deprecated')
def test_refuses_shapes_beyond_the_storage(tmp_path: Path) -> None:
    """torch itself would ask for 40 TB here."""
    inner = legacy_torch_file(torch.zeros(4).storage())
    storage = Call(torch.storage._load_from_bytes, inner)
    shape = (10_000_000, 1_000_000)
    value = Call(torch._utils._rebuild_tensor_v2, storage, 0, shape, (1_000_000, 1), False, {})
    with pytest.raises(DataError, match='larger than its storage'):
        load_tensor_pickle(write(tmp_path, value))


@pytest.mark.filterwarnings('ignore:TypedStorage is deprecated')
@pytest.mark.parametrize('offset', [-1, 2.5])
def test_refuses_malformed_shapes(tmp_path: Path, offset: float) -> None:
    storage = Call(torch.storage._load_from_bytes, legacy_torch_file(torch.zeros(4).storage()))
    value = Call(torch._utils._rebuild_tensor_v2, storage, offset, (2,), (1,), False, {})
    with pytest.raises(DataError, match='malformed shape'):
        load_tensor_pickle(write(tmp_path, value))


def test_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no.pkl: not readable'):
        load_tensor_pickle(tmp_path / 'no.pkl')
