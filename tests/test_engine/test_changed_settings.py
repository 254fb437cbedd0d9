"""A training goes on with other settings only where they are allowed, and then with these."""

import re
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from toy import equal

from avsbench.config.loading import load_config
from avsbench.engine.settings import Change, changes, check_changes
from avsbench.utils.errors import ConfigError

KINDS = {
    'batch': {'train_dataloader.batch_size': 4},
    'seed': {'randomness.seed': 7},
    'schedule': {'param_scheduler.0.power': 2.0},
    'learning rate': {'optim_wrapper.optimizer.lr': 0.01},
    'rate of a part': {'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': 0.1},
    'length': {'train_cfg.max_epochs': 4},
}


class Recorder(Hook):
    """Notes what each step was done with."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.rates: list[list[float]] = []
        self.sizes: list[int] = []
        self.drawn: list[torch.Tensor] = []

    def before_train_iter(self, runner, batch_idx, data_batch: Any = None) -> None:
        self.rates.append(sorted({group['lr'] for group in runner.optim_wrapper.param_groups}))
        self.sizes.append(len(data_batch['data_samples']))
        self.drawn += [sample.drawn for sample in data_batch['data_samples']]


def record(runner) -> Recorder:
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    return recorder


@pytest.fixture
def part(build_toy) -> None:
    """A training that ended after its first epoch, as a kill would end it."""
    runner = build_toy('run')

    class End(Hook):
        def before_train_epoch(self, runner) -> None:
            if runner.epoch == 1:
                raise SystemExit

    runner.register_hook(End())
    with pytest.raises(SystemExit):
        runner.train()


@pytest.mark.parametrize('kind', KINDS)
def test_refused_with_both_values(build_toy, part, tmp_path, kind):
    ((key, value),) = KINDS[kind].items()
    with pytest.raises(ConfigError) as caught:
        build_toy('run', KINDS[kind], resume=True).train()
    message = str(caught.value)
    assert re.search(rf'\n  {re.escape(key)}: .* in the checkpoint, {value!r} now', message)
    assert f'--allow-changes {key}' in message
    assert not (tmp_path / 'run' / 'epoch_2.pth').exists()


@pytest.mark.parametrize('kind', KINDS)
def test_allowed_changes_are_really_used(build_toy, part, kind):
    """From the second epoch on as a training that had these values from its start."""
    fresh = record(build_toy('fresh', KINDS[kind]))
    resumed = record(build_toy('run', KINDS[kind], resume=True, allow_changes=list(KINDS[kind])))
    steps = len(fresh.rates) - len(resumed.rates)
    assert steps == (2 if kind == 'batch' else 4)
    assert resumed.rates == [pytest.approx(rates, rel=1e-6) for rates in fresh.rates[steps:]]
    assert resumed.sizes == fresh.sizes[steps:]
    assert equal(resumed.drawn, fresh.drawn[8:])


def test_another_number_of_samples(build_toy, part):
    options = {'train_dataloader.dataset.size': 6}
    with pytest.raises(ConfigError, match='num_samples: 8 in the checkpoint, 6 now'):
        build_toy('run', options, resume=True).train()
    allowed = ['num_samples', 'train_dataloader.dataset.size']
    resumed = record(build_toy('run', options, resume=True, allow_changes=allowed))
    assert len(resumed.sizes) == 6  # two epochs of three steps


def test_another_number_of_processes(build_toy, part, tmp_path):
    path = tmp_path / 'run' / 'epoch_1.pth'
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['meta']['settings']['num_processes'] = 2
    checkpoint['rng_states'] *= 2
    torch.save(checkpoint, path)
    with pytest.raises(ConfigError, match='num_processes: 2 in the checkpoint, 1 now'):
        build_toy('run', resume=True).train()
    runner = build_toy('run', resume=True, allow_changes=['num_processes'])
    runner.train()
    assert runner.epoch == 3


def test_another_optimizer_starts_without_a_state(build_toy, part):
    runner = build_toy('run', resume=True, allow_changes=['optim_wrapper'])
    runner.cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.01)
    runner.optim_wrapper['optimizer'] = dict(type='SGD', lr=0.01)
    remarks: list[str] = []
    runner.logger.warning = remarks.append
    runner.train()
    assert 'another optimizer: it starts without a state' in remarks
    assert isinstance(runner.optim_wrapper.optimizer, torch.optim.SGD)


def test_an_earlier_end_is_a_change_only_where_a_schedule_follows_it(toy_config):
    cfg = load_config(toy_config)
    later, earlier = {'train_cfg.max_epochs': 3}, {'train_cfg.max_epochs': 1}
    assert changes(later, earlier, cfg) == [Change('train_cfg.max_epochs', 3, 1)]
    cfg.param_scheduler[0].end = 12
    assert changes(later, earlier, cfg) == []
    assert changes(earlier, later, cfg) == [Change('train_cfg.max_epochs', 1, 3)]


def test_settings_that_change_nothing_are_not_compared(build_toy, part):
    options = {
        'train_dataloader.num_workers': 1,
        'train_cfg.val_interval': 2,
        'default_hooks.logger.interval': 7,
    }
    runner = build_toy('run', options, resume=True)
    runner.train()
    assert runner.epoch == 3


class TestOlderCheckpoints:
    """Saved before checkpoints kept their settings."""

    @pytest.fixture
    def older(self, part, tmp_path) -> None:
        path = tmp_path / 'run' / 'epoch_1.pth'
        checkpoint = torch.load(path, weights_only=True)
        for key in ('settings', 'optimized', 'epoch_length', 'by_epoch'):
            del checkpoint['meta'][key]
        torch.save(checkpoint, path)

    def test_go_on(self, build_toy, older):
        build_toy('whole').train()
        runner, remarks = build_toy('run', resume=True), []
        runner.logger.warning = remarks.append
        whole, resumed = record(build_toy('again')), record(runner)
        assert resumed.rates == whole.rates[4:] and equal(resumed.drawn, whole.drawn[8:])
        assert any('saved before checkpoints kept their settings' in text for text in remarks)

    def test_what_they_tell_is_compared(self, build_toy, older):
        with pytest.raises(ConfigError, match='batch_size: 2 in the checkpoint, 4 now'):
            build_toy('run', KINDS['batch'], resume=True).train()


class TestMessage:
    FOUND = [
        Change('optim_wrapper.optimizer.lr', 0.1, 0.2),
        *(Change(f'model.decode_head.{name}', 1, None) for name in 'abcdef'),
    ]

    def test_many_keys_of_one_part_are_proposed_as_one(self):
        with pytest.raises(ConfigError) as caught:
            check_changes('a.pth', self.FOUND, [])
        message = str(caught.value)
        assert '--allow-changes optim_wrapper.optimizer.lr model.decode_head' in message
        assert 'model.decode_head.a: 1 in the checkpoint, not set now' in message

    def test_a_key_allows_what_is_below_it(self):
        check_changes('a.pth', self.FOUND, ['model', 'optim_wrapper.optimizer.lr'])
        with pytest.raises(ConfigError, match='model.decode_head.a'):
            check_changes('a.pth', self.FOUND, ['optim_wrapper', 'model.decode'])

    def test_a_key_that_allows_nothing(self):
        with pytest.raises(ConfigError, match="lr_rate: nothing of that name .*optimizer.lr'"):
            check_changes('a.pth', self.FOUND, ['model', 'optim_wrapper.optimizer.lr_rate'])
