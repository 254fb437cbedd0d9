import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import CosineAnnealingLR, PolyLR

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.engine.hooks import FirstRatesHook, StepSchedulersFirstHook
from avsbench.utils.errors import ConfigError

PUBLISHED = {
    's4': lambda epoch: 1e-4 * (1 + math.cos(math.pi * (epoch + 1) / 50)) / 2,
    'ms3': lambda epoch: (1e-4 - 1e-6) * (1 - min(epoch + 1, 59) / 59) ** 0.9 + 1e-6,
}


@pytest.mark.parametrize('subset', PUBLISHED)
def test_rates_are_those_of_the_published_medvt(subset: str) -> None:
    cfg = load_config(config_file(f'{subset}/medvt_pvt2.py'))
    assert cfg.custom_hooks == [dict(type='StepSchedulersFirstHook')]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-4)
    settings = dict(cfg.param_scheduler[0])
    kind = {'CosineAnnealingLR': CosineAnnealingLR, 'PolyLR': PolyLR}[settings.pop('type')]
    scheduler = kind(optimizer, **settings)
    runner = SimpleNamespace(epoch=0, iter=0, param_schedulers=[scheduler])
    StepSchedulersFirstHook().before_train(runner)
    for epoch in range(cfg.train_cfg.max_epochs):
        rate = optimizer.param_groups[0]['lr']
        assert rate == pytest.approx(PUBLISHED[subset](epoch), rel=1e-6, abs=1e-12), epoch
        optimizer.step()
        scheduler.step()


def test_resumed_and_iteration_schedules_are_left_alone() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = PolyLR(optimizer, power=1.0, begin=0, end=11)
    runner = SimpleNamespace(epoch=3, iter=30, param_schedulers={'all': [scheduler]})
    StepSchedulersFirstHook().before_train(runner)
    assert optimizer.param_groups[0]['lr'] == 1.0
    runner.epoch = runner.iter = 0
    scheduler.by_epoch = False
    StepSchedulersFirstHook().before_train(runner)
    assert optimizer.param_groups[0]['lr'] == 1.0
    scheduler.by_epoch = True
    StepSchedulersFirstHook().before_train(runner)
    assert optimizer.param_groups[0]['lr'] == pytest.approx(0.9)


def test_a_part_needs_optimizer_groups_of_its_own() -> None:
    network = torch.nn.ModuleDict(
        {'backbone': torch.nn.Linear(1, 1), 'head': torch.nn.Linear(1, 1)}
    )
    hook = FirstRatesHook(rates=[0.5])
    parts = [dict(params=list(part.parameters()), lr=1.0) for part in network.values()]
    runner = SimpleNamespace(
        epoch=0, bare_model=network, optim_wrapper=torch.optim.SGD(parts, lr=1.0)
    )
    hook.before_train_epoch(runner)
    assert [group['lr'] for group in runner.optim_wrapper.param_groups] == [0.5, 1.0]
    runner.optim_wrapper = torch.optim.SGD(network.parameters(), lr=1.0)
    with pytest.raises(ConfigError, match="custom_keys={'backbone'"):
        hook.before_train_epoch(runner)
