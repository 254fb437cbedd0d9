import importlib.util
import json
import sys
from pathlib import Path

import gallery_toys  # noqa: F401  registers the toys
import numpy as np
import pytest
import torch
from gallery_toys import SIZE, ToyClips, ToySegmentor, make_clip
from mmengine.registry import DefaultScope
from PIL import Image

from avsbench.datasets.transforms import KeepAnnotatedFrames
from avsbench.utils.errors import CheckpointError, DataError
from avsbench.visualization.gallery import (
    centred,
    contact_sheet,
    predict_view,
    scenes,
    spread,
    view_of,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
subset = 's4'
default_scope = 'avsbench'
model = dict(type='ToySegmentor')
test_dataloader = dict(dataset=dict(type='ToyClips', ann_file='{csv}', serialize_data=False))
"""


@pytest.fixture
def tree(tmp_path):
    """Config, checkpoint and a csv of five clips, three of which are twins."""
    ids = ['dog/a_a', 'dog/a_b', 'dog/a_c', 'dog/b', 'cat/c']
    csv = tmp_path / 'clips.csv'
    csv.write_text('\n'.join(ids))
    groups = ['a', 'a', 'a', 'b', 'c']
    truth = [dict(clip_id=i, group=g) for i, g in zip(ids, groups, strict=True)]
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    (tmp_path / 'toy.py').write_text(CONFIG.format(csv=csv))
    torch.save(dict(state_dict=dict(bias=torch.zeros(1))), tmp_path / 'weights.pth')
    return tmp_path


@pytest.fixture
def show(tree, monkeypatch):
    """Function that runs the command on the tree, with further words."""
    path = ROOT / 'tools' / 'show_predictions.py'
    spec = importlib.util.spec_from_file_location('show_predictions', path)
    command = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    spec.loader.exec_module(command)

    def run(*words, checkpoint='weights.pth'):
        start = ['show_predictions.py', tree / 'toy.py', tree / checkpoint, '--out', tree / 'out']
        monkeypatch.setattr(sys, 'argv', [str(word) for word in (*start, *words)])
        with DefaultScope.overwrite_default_scope('avsbench'):
            command.main()
        return sorted(p.name for p in (tree / 'out').iterdir())

    return run


def test_twins_form_one_scene(tree):
    dataset = ToyClips(ann_file=str(tree / 'clips.csv'))
    assert scenes(dataset) == [[0, 1, 2], [3], [4]]
    (tree / 'truth.json').unlink()
    assert scenes(dataset) == [[0], [1], [2], [3], [4]]


def test_malformed_truth_is_an_error(tree):
    (tree / 'truth.json').write_text('[{"clip_id": "dog/b"}]')
    with pytest.raises(DataError, match='expected a list of clips with clip_id and group'):
        scenes(ToyClips(ann_file=str(tree / 'clips.csv')))


def test_spread():
    assert spread(list(range(10)), 3) == [0, 3, 6]
    assert spread([1, 2], 6) == [1, 2]


def test_predict_view_holds_prediction_and_inputs(tree):
    item = ToyClips(ann_file=str(tree / 'clips.csv'))[0]
    view = predict_view(ToySegmentor().eval(), item)
    assert torch.equal(view.sample.pred_masks, item['data_samples'].gt_masks)
    assert view.frames.shape == (3, 24, 32, 3)
    assert (view.frames[0, 10, 4] == (200, 40, 40)).all()


def test_frames_of_a_sheet_are_the_middle_of_their_share():
    assert centred(range(5), 8) == [0, 1, 2, 3, 4]
    assert centred(range(16), 8) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert centred(range(9), 3) == [1, 4, 7]


def test_contact_sheet_has_three_columns_and_scales_nothing():
    sizes = [(50, 400), (30, 90), (40, 100), (20, 300)]
    sheet = contact_sheet([np.zeros((*size, 3), np.uint8) for size in sizes])
    assert sheet.shape == (50 + 20, 400 + 90 + 100, 3)
    assert (sheet[:50, :400] == 0).all() and (sheet[50:, 300:] == 255).all()
    assert contact_sheet([np.zeros((9, 2000, 3), np.uint8)] * 2).shape == (18, 2000, 3)


def test_images_of_scenes_and_a_sheet(show, tree, capsys):
    assert show() == ['cat_c.png', 'contact_sheet.png', 'dog_a_a.png', 'dog_b.png']
    twins, single = (Image.open(tree / 'out' / name) for name in ('dog_a_a.png', 'dog_b.png'))
    assert twins.width == pytest.approx(3 * single.width, abs=3)
    assert '3 images in' in capsys.readouterr().out


def test_num_limits_the_images(show):
    assert show('--num', '1') == ['contact_sheet.png', 'dog_a_a.png']


def test_weights_of_the_checkpoint_are_used(show, tree):
    show('--num', '1')
    before = (tree / 'out' / 'dog_a_a.png').read_bytes()
    torch.save(dict(state_dict=dict(bias=torch.full((1,), -9.0))), tree / 'other.pth')
    show('--num', '1', '--overwrite', checkpoint='other.pth')
    assert (tree / 'out' / 'dog_a_a.png').read_bytes() != before


def test_images_are_not_overwritten(show, tree):
    show('--num', '1')
    with pytest.raises(DataError, match='contains 2 images'):
        show()
    assert len(list((tree / 'out').iterdir())) == 2


def test_bad_checkpoint_and_empty_split_are_errors(show, tree):
    with pytest.raises(CheckpointError, match='no such checkpoint'):
        show(checkpoint='none.pth')
    (tree / 'clips.csv').write_text('')
    with pytest.raises(DataError, match='test split is empty'):
        show()
    assert not (tree / 'out').exists()


def test_view_of_a_packed_clip():
    item = make_clip(seconds=3)
    view = view_of(item, 'title')
    assert view.frames.shape == (3, *SIZE, 3) and view.maskiges is None and view.labels is None
    assert (view.frames[0] == item['inputs']['frames'][0].permute(1, 2, 0).numpy()).all()
    item['inputs']['frames'] = torch.cat([item['inputs']['frames'], torch.ones(3, 3, *SIZE)], 1)
    view = view_of(item)
    assert view.frames.shape[-1] == view.maskiges.shape[-1] == 3
    assert (view.maskiges == 1).all() and not (view.frames == 1).any()


def test_view_of_a_window_without_sound_shows_the_frames_that_are_predicted():
    item = make_clip(seconds=3)
    del item['inputs']['audio']
    item['data_samples'].set_metainfo(dict(kept=(2,)))
    view = view_of(item)
    assert view.log_mel is None and len(view.frames) == 1
    assert (view.frames[0] == item['inputs']['frames'][2].permute(1, 2, 0).numpy()).all()


@pytest.mark.parametrize(
    ('valid', 'labels'),
    [
        ([1, 0, 0, 1], ['second 1', 'second 4']),
        ([0, 0, 1, 1], ['second 3', 'second 4']),
        ([0, 1, 0, 0], ['second 2']),
        ([1, 1, 1, 1], ['second 1', 'second 2', 'second 3', 'second 4']),
        ([0, 0, 0, 0], None),  # the clip stays whole, and the visualizer counts its seconds
    ],
)
@pytest.mark.parametrize('first', [0, 1])
def test_seconds_are_named_where_some_are_left_out(valid, labels, first):
    """From 1, whatever number the first file has: on AVSS 0, on S4 1."""
    results = {
        'frames': list(np.zeros((4, *SIZE, 3), np.uint8)),
        'frame_paths': [f'/data/{first + k}.png' for k in range(4)],
        'gt_valid': np.array(valid, bool),
    }
    results = KeepAnnotatedFrames().transform(results)
    item = make_clip(seconds=len(results['frames']))
    found = {key: results[key] for key in ('frame_paths', 'frame_idx') if key in results}
    item['data_samples'].set_metainfo(found)
    assert view_of(item).labels == labels


def test_frames_of_a_video_are_named_by_their_files():
    item = make_clip(seconds=2)
    paths = ['/data/00007.jpg', '/data/last.jpg']
    item['data_samples'].set_metainfo(dict(video='dog', frame_paths=paths, frame_idx=[0, 1]))
    assert view_of(item).labels == ['frame 7', 'frame ?']
