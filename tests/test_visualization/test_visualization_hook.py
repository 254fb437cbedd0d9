"""Images of validation clips during a training."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gallery_toys import make_clip
from mmengine.dataset import pseudo_collate
from mmengine.runner import EpochBasedTrainLoop
from mmengine.visualization import Visualizer
from PIL import Image

from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.engine.hooks import VisualizationHook, visualization_hook
from avsbench.registry import HOOKS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.visualization import AVSLocalVisualizer
from avsbench.visualization.gallery import masks_of
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR

CLIPS = 7


@pytest.fixture
def runner(tmp_path):
    """What the hook looks at of a runner in the third epoch of its training."""
    backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    dataset = range(CLIPS)
    return SimpleNamespace(
        visualizer=AVSLocalVisualizer(vis_backends=backends, save_dir=str(tmp_path)),
        train_loop=loop,
        _train_loop=loop,
        val_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset)),
        epoch=3,
        iter=120,
    )


def validate(hook, runner, batch_size=2, classes=1):
    hook.before_val_epoch(runner)
    clips = [make_clip(loud=i % 3, clip_id=f'dog/{i}', index=i) for i in range(CLIPS)]
    for start in range(0, CLIPS, batch_size):
        batch = pseudo_collate(clips[start : start + batch_size])
        outputs = batch['data_samples']
        for sample in outputs:
            sample.pred_masks = torch.ones_like(sample.gt_masks)
            sample.seg_logits = torch.ones(3, classes, *sample.gt_masks.shape[1:])
        hook.after_val_iter(runner, start // batch_size, batch, outputs)


def images(folder):
    return sorted(path.name for path in Path(folder).rglob('vis_image/*.png'))


@pytest.mark.parametrize('batch_size', [1, 2, 7])
def test_the_same_clips_at_each_validation(runner, tmp_path, batch_size):
    hook = HOOKS.build(dict(type='VisualizationHook', num_clips=3))
    hook.before_train(runner)
    validate(hook, runner, batch_size)
    assert images(tmp_path) == ['dog_0_3.png', 'dog_2_3.png', 'dog_4_3.png']
    runner.epoch = 4
    validate(hook, runner, batch_size)
    assert images(tmp_path) == [f'dog_{i}_{step}.png' for i in (0, 2, 4) for step in (3, 4)]
    image = np.asarray(Image.open(next(tmp_path.rglob('dog_2_4.png'))).convert('RGB'))
    near = np.abs(image.astype(int) - PREDICTION_COLOUR).max(-1) < 60  # over grey frames
    assert near.sum() > 10000


def test_tensorboard_gets_them(runner, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    validate(VisualizationHook(num_clips=1), runner)
    runner.visualizer.close()
    events = EventAccumulator(str(next(tmp_path.rglob('events.out*')))).Reload()
    assert [event.step for event in events.Images('dog_0')] == [3]


def test_trainings_by_iteration(runner, tmp_path):
    runner.train_loop = runner._train_loop = object()
    validate(VisualizationHook(num_clips=1), runner)
    assert images(tmp_path) == ['dog_0_120.png']


def test_interval(runner, tmp_path):
    hook = VisualizationHook(num_clips=1, interval=2)
    for runner.epoch in (1, 2, 3):
        validate(hook, runner)
    assert images(tmp_path) == ['dog_0_1.png', 'dog_0_3.png']


def test_nothing_without_a_training_and_nothing_for_zero(runner, tmp_path):
    validate(VisualizationHook(num_clips=0), runner)
    runner._train_loop = dict(max_epochs=3)
    validate(VisualizationHook(), runner)
    assert images(tmp_path) == []


def test_several_processes_draw_what_the_first_one_sees(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(visualization_hook, 'get_world_size', lambda: 3)
    hook = VisualizationHook(num_clips=2)
    hook.before_val_epoch(runner)
    assert hook._chosen == {0, 3}
    monkeypatch.setattr(visualization_hook, 'is_main_process', lambda: False)
    validate(hook, runner)
    assert images(tmp_path) == []


def test_logits_of_many_classes_stay_where_they_are(runner, tmp_path, monkeypatch):
    runner.visualizer.dataset_meta = dict(palette=[(9, 9, 9)] * 4, classes=list('abcd'))
    drawn = []
    monkeypatch.setattr(runner.visualizer, 'draw', lambda views: drawn.extend(views))
    monkeypatch.setattr(runner.visualizer, 'add_image', lambda *args: None)
    validate(VisualizationHook(num_clips=1), runner, classes=4)
    assert 'seg_logits' not in drawn[0].sample and drawn[0].sample.clip_id == 'dog/0'
    assert drawn[0].title == 'dog/0\nepoch 3'


def test_probabilities_of_one_class_are_drawn_too():
    sample = AVSDataSample(seg_probs=torch.rand(1, 1, 4, 4), pred_masks=torch.zeros(1, 4, 4))
    assert masks_of(sample).num_classes == 1


def test_errors(runner):
    with pytest.raises(ConfigError, match='num_clips=-1'):
        VisualizationHook(num_clips=-1)
    with pytest.raises(ConfigError, match='interval=0'):
        VisualizationHook(interval=0)
    runner.visualizer = Visualizer()
    message = re.escape("set visualizer.type='AVSLocalVisualizer', or num_clips of the hook to 0")
    with pytest.raises(ConfigError, match=message):
        VisualizationHook().before_train(runner)
    VisualizationHook(num_clips=0).before_train(runner)


@pytest.mark.parametrize('config', ['s4/pvt2.py', 'avss/combo_pvt2.py'])
def test_configs_have_it(config):
    cfg = load_config(CONFIG_ROOT / config)
    assert cfg.default_hooks.visualization.type == 'VisualizationHook'
    assert cfg.visualizer.type == 'AVSLocalVisualizer'
