"""Trackers by an option, and two settings of mmengine that a config may ask for."""

import sys
from types import ModuleType

import pytest
import torch
from mmengine.hooks import EMAHook
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avsbench.config.loading import load_config
from avsbench.engine.tracking import use_tensorboard, use_wandb
from avsbench.utils.errors import ConfigError

EMA = dict(custom_hooks=[dict(type='EMAHook', momentum=0.3)])
KEEP = {'default_hooks.checkpoint.max_keep_ckpts': -1}


@pytest.fixture
def cfg(toy_config):
    found = load_config(toy_config)
    found.work_dir = 'work_dir/s4/toy'
    return found


def test_tensorboard_gets_losses_and_metrics(cfg, build_toy, tmp_path) -> None:
    use_tensorboard(cfg)
    use_tensorboard(cfg)
    types = [backend['type'] for backend in cfg.visualizer.vis_backends]
    assert types == ['LocalVisBackend', 'TensorboardVisBackend']
    build_toy(
        options={'default_hooks.logger.interval': 1}, whole={'visualizer': cfg.visualizer}
    ).train()
    (events,) = tmp_path.glob('run/*/vis_data/events.*')
    found = EventAccumulator(str(events)).Reload()
    assert len(found.Scalars('loss')) == 12 and len(found.Scalars('mIoU')) == 3


def test_wandb(cfg, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'wandb', None)
    with pytest.raises(ConfigError, match='--wandb needs Weights & Biases: pip install wandb'):
        use_wandb(cfg)
    monkeypatch.setitem(sys.modules, 'wandb', ModuleType('wandb'))
    use_wandb(cfg)
    backend = cfg.visualizer.vis_backends[-1]
    assert backend.type == 'WandbVisBackend'
    assert backend.init_kwargs == dict(project='avsbench', name='work_dir/s4/toy')


def test_moving_averages_are_validated_saved_and_resumed(build_toy, tmp_path) -> None:
    runner = build_toy(options=KEEP, whole=EMA)
    runner.train()
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    last = torch.load(tmp_path / 'run/epoch_3.pth', weights_only=True)
    averaged = hook.ema_model.module.state_dict()
    current = runner.model.state_dict()
    key = 'decode_head.layers.1.weight'
    assert not torch.equal(averaged[key], current[key])
    assert all(torch.equal(last['state_dict'][name], averaged[name]) for name in averaged)
    assert torch.equal(last['ema_state_dict'][f'module.{key}'], current[key])

    best = runner.message_hub.get_info('best_score')
    path = tmp_path / 'run/best_mIoU.pth'
    assert build_toy('test', load_from=str(path)).test()['mIoU'] == pytest.approx(best)

    start = str(tmp_path / 'run/epoch_1.pth')
    build_toy('resumed', KEEP, EMA, resume=True, load_from=start).train()
    again = torch.load(tmp_path / 'resumed/epoch_3.pth', weights_only=True)
    for part in ('state_dict', 'ema_state_dict'):
        same = [torch.equal(again[part][name], last[part][name]) for name in last[part]]
        assert all(same), part


def test_accumulated_gradients_take_a_step_less_often(build_toy) -> None:
    for count in (1, 2):
        runner = build_toy(f'by_{count}', {'optim_wrapper.accumulative_counts': count})
        runner.train()
        states = runner.optim_wrapper.optimizer.state.values()
        assert {int(state['step']) for state in states} == {12 // count}
