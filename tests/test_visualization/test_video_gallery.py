"""Images of the predictions for windows of videos."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from motion_clips import DISC_SIZE, disc_davis, disc_mask, toy_motion
from PIL import Image

from avsbench.apis.model import load_model
from avsbench.config.loading import load_config
from avsbench.engine.hooks import VisualizationHook
from avsbench.registry import DATASETS
from avsbench.visualization.gallery import predict_video, predict_view, scenes

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 10


@pytest.fixture
def tree(tmp_path):
    """A DAVIS tree of two videos of a moving disc, and the config of a toy network."""
    root = disc_davis(tmp_path / 'DAVIS', ('cat', 'dog'), FRAMES)
    config, _ = toy_motion(tmp_path)
    config.write_text(config.read_text().replace('data/none', str(root)))
    return tmp_path


@pytest.fixture
def parts(tree):
    """Data set and network."""
    with DefaultScope.overwrite_default_scope('avsbench'):
        cfg = load_config(tree / 'motion.py')
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        yield dataset, load_model(cfg, str(tree / 'motion.pth'))


@pytest.fixture
def texts(monkeypatch):
    """Text that is drawn."""
    from matplotlib.text import Text

    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, 'draw', lambda t, *a: (drawn.append(t.get_text()), draw(t, *a))[1])
    return drawn


def test_the_kept_frame_of_a_window_is_shown(parts):
    dataset, model = parts
    view = predict_view(model, dataset[FRAMES + 4])
    assert view.frames.shape[0] == 1 and view.log_mel is None and view.labels == ['frame 4']
    assert view.sample.gt_masks.shape == view.sample.pred_masks.shape == (1, *DISC_SIZE)
    inside = np.asarray(Image.fromarray(disc_mask(4)).resize(view.frames.shape[2:0:-1]))
    assert view.frames[0][inside].mean() > 180 > view.frames[0][~inside].mean()


def test_frames_of_a_video_form_one_image(parts, texts):
    from avsbench.visualization import AVSLocalVisualizer

    dataset, model = parts
    groups = scenes(dataset)
    assert groups == [list(range(FRAMES)), list(range(FRAMES, 2 * FRAMES))]
    view = predict_video(model, dataset, groups[1])
    assert view.title == 'dog' and len(view.frames) == len(view.sample.pred_masks) == 8
    assert view.labels[:3] == ['frame 0', 'frame 1', 'frame 2'] and view.labels[-1] == 'frame 8'
    AVSLocalVisualizer().draw([view])
    scores = {float(text.removeprefix('IoU ')) for text in texts if text.startswith('IoU')}
    assert min(scores) > 0.4 and 'prediction' in texts and 'audio' not in texts


def test_show_predictions(tree, monkeypatch):
    import runpy

    words = ['show_predictions.py', tree / 'motion.py', tree / 'motion.pth', '--out', tree / 'out']
    monkeypatch.setattr(sys, 'argv', [str(word) for word in words])
    monkeypatch.setattr(sys, 'path', list(sys.path))
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / 'tools/show_predictions.py'), run_name='__main__')
    assert not caught.value.code
    names = sorted(path.name for path in (tree / 'out').iterdir())
    assert names == ['cat.png', 'contact_sheet.png', 'dog.png']


def test_windows_in_a_validation(parts, monkeypatch):
    """Batches of windows with one kept frame each."""
    dataset, model = parts
    hook, drawn = VisualizationHook(num_clips=2), []
    hook._chosen = {3, 12}
    monkeypatch.setattr(hook, '_draw', lambda _, inputs, sample: drawn.append((inputs, sample)))
    batch = pseudo_collate([dataset[index] for index in range(10, 14)])
    with torch.no_grad():
        hook.after_val_iter(None, 0, batch, model.test_step(batch))
    assert [sample.clip_id for _, sample in drawn] == ['dog/00002']
    assert set(drawn[0][0]) == {'frames'} and len(drawn[0][0]['frames']) == 6
