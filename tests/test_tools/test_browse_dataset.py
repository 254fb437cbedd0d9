import numpy as np
import pytest
from PIL import Image

from avsbench.synthetic import generate
from avsbench.visualization.local_visualizer import TRUTH_COLOUR

CONFIG = """
_base_ = '{root}/config/_base_/datasets/s4.py'
default_scope = 'avsbench'
model = dict(type='AVSegmentor')
data_root = '{data}'
train_pipeline = [
    dict(type='LoadClip'),
    dict(type='KeepAnnotatedFrames'),
    dict(type='ClipResize', size=(40, 60)),
    dict(type='ClipRandomFlip', prob=0.5),
    dict(type='ClipPad', size=(64, 64)),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root))
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory, pytestconfig):
    folder = tmp_path_factory.mktemp('browse')
    data = generate('s4', folder / 'data')
    path = folder / 'config.py'
    path.write_text(CONFIG.format(root=pytestconfig.rootpath, data=data))
    return path


def read(path):
    return np.asarray(Image.open(path).convert('RGB')).astype(int)


def test_pictures_of_what_the_pipeline_makes(tool, config, tmp_path):
    done = tool('browse_dataset', config, '--out', tmp_path / 'out', '--num', 2, '--repeat', 8)
    assert done.code == 0, done.err
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert len(names) == 3 and 'contact_sheet.png' in names
    assert '2 images in' in done.out
    picture = read(tmp_path / 'out' / next(n for n in names if n != 'contact_sheet.png'))
    assert (np.abs(picture - TRUTH_COLOUR).max(-1) < 90).sum() > 100
    assert (np.abs(picture - 76).max(-1) < 3).sum() > 1000  # what ClipPad added has no class
    views = np.split(picture[:, : picture.shape[1] // 8 * 8], 8, axis=1)
    # mirrored and not
    assert len({(view - views[0] != 0).any() for view in views}) == 2


def test_split_clips_and_seed(tool, config, tmp_path):
    options = ['--split', 'val', '--num', 1]
    assert tool('browse_dataset', config, '--out', tmp_path / 'a', *options).code == 0
    (name,) = {p.stem for p in (tmp_path / 'a').iterdir()} - {'contact_sheet'}
    picture = read(tmp_path / 'a' / f'{name}.png')
    assert picture.shape[1] > 600  # the pipeline of this split keeps five frames
    clip = '/'.join(name.rsplit('_s4_', 1)).replace('/', '/s4_')
    done = tool(
        'browse_dataset', config, '--out', tmp_path / 'b', '--split', 'val', '--clips', clip
    )
    assert done.code == 0, done.err
    assert (read(tmp_path / 'b' / f'{name}.png') == picture).all()
    done = tool('browse_dataset', config, '--out', tmp_path / 'c', '--clips', clip)
    assert done.code == 2 and "split 'train' has no clip" in done.err and 'did you mean' in done.err


def test_folder_with_pictures_is_refused_first(tool, config, tmp_path):
    (tmp_path / 'mine.png').write_bytes(b'')
    done = tool('browse_dataset', 'nonsense.py', '--out', tmp_path)
    assert done.code == 2 and 'contains 1 image;' in done.err
    assert tool('browse_dataset', config, '--out', tmp_path, '--num', 0).code == 2


def test_missing_data_is_named(tool, config, tmp_path):
    options = ['--cfg-options', f'data_root={tmp_path / "nowhere"}']
    done = tool('browse_dataset', config, '--out', tmp_path / 'out', *options)
    assert done.code == 2 and 's4_meta_data.csv: no such file' in done.err
    assert not (tmp_path / 'out').exists()
