import shutil

import pytest
from mmengine.registry import DefaultScope

from avsbench.datasets import S4Dataset
from avsbench.datasets.fingerprint import HASHES, differences, fingerprint
from avsbench.synthetic import generate


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return generate('s4', tmp_path_factory.mktemp('data'))


@pytest.fixture
def copy(tree, tmp_path):
    return shutil.copytree(tree, tmp_path / 'elsewhere')


def of(root, split='train', **keys):
    with DefaultScope.overwrite_default_scope('avsbench'):
        return fingerprint(S4Dataset(str(root), split, check='off', **keys))


def changed(one, other):
    return {name for name in HASHES if one[name] != other[name]}


def test_counts(tree):
    found = of(tree)
    dataset = S4Dataset(str(tree), 'train', check='off')
    infos = list(dataset.clip_infos())
    paths = {p for info in infos for p in (*info['frame_paths'], *filter(None, info['mask_paths']))}
    assert found['clips'] == len(infos) and found['files'] == len(paths) + len(infos)  # audio
    assert found['bytes'] > 1000 and all(len(found[name]) == 64 for name in HASHES)


def test_the_same_data_elsewhere_have_the_same_hashes(tree, copy):
    assert of(copy) == of(tree)
    assert differences(of(tree), of(copy)) == []


def test_what_differs_is_named(tree, copy):
    before = of(tree)
    csv = next(copy.glob('*.csv'))
    csv.write_text(csv.read_text() + '\n')
    assert changed(before, of(copy)) == {'index_sha256'}
    assert differences(before, of(copy)) == ['what lists the clips differ (index_sha256)']
    shutil.copyfile(next(tree.glob('*.csv')), csv)
    frame = next(copy.rglob('visual_frames/train/**/*.png'))
    frame.write_bytes(frame.read_bytes() + b'\0')
    found = of(copy)
    assert changed(before, found) == {'files_sha256'} and found['bytes'] == before['bytes'] + 1
    assert len(differences(before, found)) == 2


def test_the_clips_that_are_used_count(tree):
    found, less = of(tree), of(tree, indices=2)
    assert less['clips'] == 2 and changed(found, less) == {'clips_sha256', 'files_sha256'}
    assert changed(found, of(tree, 'val')) == {'clips_sha256', 'files_sha256'}


def test_a_data_set_that_does_not_list_its_clips():
    found = fingerprint([1, 2, 3])
    assert found['clips'] == 3 and found['files_sha256'] is None
    assert differences(found, fingerprint([1, 2, 3])) == []
    assert differences(found, fingerprint([1])) == ['clips: 3 then, 1 now']


def test_files_are_not_read(tree, copy):
    """A hash of their content would take minutes for a large data set."""
    frame = next(copy.rglob('visual_frames/train/**/*.png'))
    size = frame.stat().st_size
    frame.write_bytes(b'x' * size)
    assert of(copy) == of(tree)
