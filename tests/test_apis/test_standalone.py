"""A checkpoint that holds its config runs without any other file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from video_clips import toy_listener, write_video

from avsbench.analysis.complexity import build_model
from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import SYNTHETIC, render_video
from avsbench.apis.standalone import config_of
from avsbench.checkpoint.publish import publish
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.reproduction.bundle import config_data
from avsbench.utils.errors import CheckpointError, ConfigError
from avsbench.video import VideoFile


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> Path:
    """Of the smallest system, trained on generated clips somewhere else."""
    cfg = load_config(CONFIG_ROOT / 's4/tpavi_demo.py')
    torch.manual_seed(0)
    weights = build_model(cfg).state_dict()
    cfg.model.backbone.weights = '/home/somebody/weights.pth'
    cfg.test_dataloader.dataset.data_root = '/home/somebody/data'
    meta = dict(head='TPAVIHead', subset='s4', num_classes=1, epoch=3, synthetic=True)
    meta |= dict(config=json.dumps(config_data(cfg)), dataset_meta=dict(classes=('a', 'b')))
    path = tmp_path_factory.mktemp('trained') / 'epoch_3.pth'
    torch.save({'meta': meta, 'state_dict': weights}, path)
    return path


@pytest.fixture
def changed(checkpoint, tmp_path):
    """Writes the checkpoint with another config."""

    def change(edit) -> Path:
        content = torch.load(checkpoint, weights_only=True)
        config = json.loads(content['meta']['config'])
        content['meta']['config'] = edit(config) or json.dumps(config)
        torch.save(content, tmp_path / 'changed.pth')
        return tmp_path / 'changed.pth'

    return change


@pytest.fixture
def video(tmp_path) -> Path:
    return write_video(tmp_path / 'in.mp4', 20, np.zeros(32000, np.float32), rate=10)


def masks(inferencer: AVSInferencer, video: Path) -> np.ndarray:
    return inferencer(str(video), with_logits=True)['predictions'][0]['logits']


def test_it_predicts_what_it_predicts_with_its_config(checkpoint, video, tmp_path) -> None:
    options = dict(device='cpu', show_progress=False, amp='off')
    expected = masks(AVSInferencer(CONFIG_ROOT / 's4/tpavi_demo.py', checkpoint, **options), video)
    assert np.array_equal(masks(AVSInferencer(checkpoint, **options), video), expected)
    for safetensors in (False, True):
        published = publish(checkpoint, tmp_path / 'weights', safetensors=safetensors)
        assert published.suffix == ('.safetensors' if safetensors else '.pth')
        assert b'somebody' not in published.read_bytes()
        inferencer = AVSInferencer(str(published), **options)
        assert np.array_equal(masks(inferencer, video), expected)
        assert inferencer.synthetic and inferencer.trained_on == 's4 (synthetic)'


def test_results_say_that_the_network_knows_drawn_shapes_only(checkpoint, video, tmp_path) -> None:
    inferencer = AVSInferencer(checkpoint, device='cpu', show_progress=False)
    outputs = Outputs(tmp_path / 'out.mp4')
    report = render_video(inferencer, VideoFile(video), outputs)
    assert report.warnings[0] == SYNTHETIC
    header, *rows = outputs.table.read_text().splitlines()
    assert header.endswith(',trained_on') and rows
    assert all(row.endswith(',s4 (synthetic)') for row in rows)


def test_other_networks_do_not_say_so(video, tmp_path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path), device='cpu', show_progress=False)
    outputs = Outputs(tmp_path / 'out.mp4')
    assert render_video(inferencer, VideoFile(video), outputs).warnings == []
    assert 'synthetic' not in outputs.table.read_text()


def test_places_of_the_training_are_forgotten(checkpoint) -> None:
    cfg = config_of(checkpoint)
    assert cfg.model.backbone.weights is None
    assert cfg.test_dataloader.dataset.data_root is None
    assert 'train_dataloader' not in cfg and 'optim_wrapper' not in cfg


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (lambda config: config['model'].update(type='subprocess.run'), 'subprocess.run'),
        (lambda config: config['model']['backbone'].update(type='os.system'), 'os.system'),
        (lambda config: config['model'].update(custom_imports=['x']), 'custom_imports'),
        (lambda config: config['model']['backbone'].update(file='/etc/passwd'), '/etc/passwd'),
        (lambda config: '{"model": ', 'damaged'),
        (lambda config: '{"model": 3}', 'damaged'),
        (lambda config: '[]', 'damaged'),
    ],
)
def test_what_a_stranger_wrote_does_not_run(changed, edit, message) -> None:
    with pytest.raises(CheckpointError, match=message):
        AVSInferencer(changed(edit), device='cpu')


def test_without_a_config_it_says_what_to_do(tmp_path) -> None:
    _, plain = toy_listener(tmp_path)
    with pytest.raises(CheckpointError, match='holds no config; name the one'):
        AVSInferencer(plain)
    with pytest.raises(ConfigError, match='a config has no weights'):
        AVSInferencer(CONFIG_ROOT / 's4/demo.py')
