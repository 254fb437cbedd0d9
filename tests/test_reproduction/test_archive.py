import json
import zipfile

import pytest

from avsbench.analysis.curves import Curves
from avsbench.reproduction.archive import MAX_BYTES, SUMS, pack, unpack
from avsbench.reproduction.bundle import FILES, Bundle
from avsbench.utils.errors import DataError


@pytest.fixture
def bundle():
    run = {'format': 1, 'subset': 's4', 'seed': 3, 'num_processes': 1}
    curves = Curves('epoch', {'loss': {1: 1 / 3}})
    return Bundle(run, {'subset': 's4'}, {'torch': '2'}, {'train_dataloader': {'clips': 2}}, curves)


def rewrite(path, change):
    """Change {name: content} of an archive."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents = change(contents)
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def test_there_and_back(bundle, tmp_path):
    digest = pack(bundle, tmp_path / 'a.zip')
    assert unpack(tmp_path / 'a.zip') == bundle
    assert pack(bundle, tmp_path / 'b.zip') == digest
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert set(archive.namelist()) == {*FILES, SUMS}


@pytest.mark.parametrize('name', ['../evil.py', '/tmp/evil', 'config.py', 'bundle/run.json'])
def test_other_content_is_refused(bundle, tmp_path, name):
    path = tmp_path / 'in' / 'a.zip'
    pack(bundle, path)
    rewrite(path, lambda contents: {**contents, name: b'x'})
    with pytest.raises(DataError, match='an archive with other content'):
        unpack(path)
    assert [p.name for p in tmp_path.rglob('*')] == ['in', 'a.zip']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: {k: v for k, v in c.items() if k != 'data.json'}, 'data.json missing'),
        (lambda c: {**c, 'run.json': b'{}'}, 'run.json is not what SHA256.json says'),
        (lambda c: {**c, SUMS: b'[]'}, 'is not what SHA256.json says'),
        (lambda c: {**c, SUMS: b'['}, 'not readable json'),
        (lambda c: {**c, 'run.json': b'\xff'}, 'no text in UTF-8'),
    ],
)
def test_damaged(bundle, tmp_path, change, message):
    pack(bundle, tmp_path / 'a.zip')
    rewrite(tmp_path / 'a.zip', change)
    with pytest.raises(DataError, match=message):
        unpack(tmp_path / 'a.zip')


@pytest.mark.parametrize(
    ('run', 'message'),
    [
        ({'format': 2}, 'a bundle of format 2, this version of the toolbox reads format 1'),
        ({'seed': 'x'}, "no 'seed', expected int"),
        ({'num_processes': True}, "no 'num_processes', expected int"),
    ],
)
def test_other_bundles(bundle, tmp_path, run, message):
    bundle.run.update(run)
    pack(bundle, tmp_path / 'a.zip')
    with pytest.raises(DataError, match=message):
        unpack(tmp_path / 'a.zip')


def test_no_archives(bundle, tmp_path):
    with pytest.raises(DataError, match='no such file'):
        unpack(tmp_path / 'a.zip')
    (tmp_path / 'a.zip').write_text('text')
    with pytest.raises(DataError, match='no readable archive'):
        unpack(tmp_path / 'a.zip')
    pack(bundle, tmp_path / 'b.zip')
    content = bytearray((tmp_path / 'b.zip').read_bytes())
    content[60] ^= 255
    (tmp_path / 'b.zip').write_bytes(content)
    with pytest.raises(DataError):
        unpack(tmp_path / 'b.zip')


def test_a_bomb_is_refused(bundle, tmp_path):
    pack(bundle, tmp_path / 'a.zip')
    with zipfile.ZipFile(tmp_path / 'b.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in (*FILES, SUMS):
            content = b' ' * (MAX_BYTES + 1) if name == 'curve.json' else json.dumps({}).encode()
            archive.writestr(name, content)
    assert (tmp_path / 'b.zip').stat().st_size < 1 << 17
    with pytest.raises(DataError, match='curve.json has .* bytes, too many'):
        unpack(tmp_path / 'b.zip')
