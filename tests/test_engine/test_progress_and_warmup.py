"""Two warm-ups one after the other, the parts that they know, and telling parts the progress."""

import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from avsbench.engine import param_groups
from avsbench.engine.hooks import ProgressHook
from avsbench.engine.schedules import TwoPhaseWarmupPolyLR
from avsbench.registry import PARAM_SCHEDULERS
from avsbench.utils.errors import ConfigError


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(4))

    def parameter_depths(self) -> dict[str, int]:
        return {f'blocks.{index}.weight': index for index in range(4)}


def optimizer_of(**paramwise):
    model = nn.ModuleDict({'backbone': Backbone(), 'head': nn.Linear(1, 1)})
    cfg = {
        'type': 'OptimWrapper',
        'constructor': 'ModuleKindOptimWrapperConstructor',
        'optimizer': {'type': 'SGD', 'lr': 1.0},
        'accumulative_counts': 9,
        'paramwise_cfg': paramwise,
    }
    with DefaultScope.overwrite_default_scope('avsbench'):
        return build_optim_wrapper(model, cfg).optimizer


def test_groups_know_their_part_and_decayed_blocks_the_root_of_the_batches() -> None:
    decay = {'layer_decay': 0.5, 'layer_decay_keep_last': 2}
    groups = optimizer_of(parts=('backbone',), layer_decay_root=True, **decay).param_groups
    assert [group['part'] for group in groups] == ['backbone'] * 4 + ['new'] * 2
    rates = [group.get('lr', 1.0) for group in groups]
    assert rates == pytest.approx([3 * 0.125, 3 * 0.25, 1.0, 1.0, 1.0, 1.0])
    plain = optimizer_of(**decay).param_groups
    assert [group['lr'] for group in plain][:2] == pytest.approx([0.125, 0.25])
    assert not any('part' in group for group in plain)
    with pytest.raises(ConfigError, match="no part 'backbon'.*mean 'backbone'"):
        optimizer_of(parts=('backbon',))


def test_the_root_is_of_all_processes(monkeypatch) -> None:
    monkeypatch.setattr(param_groups, 'get_world_size', lambda: 4)
    groups = optimizer_of(
        layer_decay=1.0, layer_decay_keep_last=2, layer_decay_root=True
    ).param_groups
    assert [group.get('lr', 1.0) for group in groups][:3] == pytest.approx([6.0, 6.0, 1.0])


def rates(steps: int, **settings) -> list[tuple[float, float]]:
    """Rates of the new parts and of the backbone at each step."""
    optimizer = optimizer_of(parts=('backbone',))
    schedule = PARAM_SCHEDULERS.build(
        {'type': 'TwoPhaseWarmupPolyLR', 'later': 'backbone', 'power': 0.9, **settings},
        default_args={'optimizer': optimizer, 'epoch_length': 5},
    )
    found = []
    for _ in range(steps):
        found.append((optimizer.param_groups[-1]['lr'], optimizer.param_groups[0]['lr']))
        optimizer.step()
        schedule.step()
    return found


def test_new_parts_warm_up_first_then_the_backbone() -> None:
    found = rates(20, warmup=(4, 6), begin=0, end=4, by_epoch=True, convert_to_iter_based=True)
    assert found[:4] == [(step / 4, 0.0) for step in range(4)]
    for step in range(4, 20):
        later = (step - 4) / 6 if step < 10 else (1 - (step - 10) / 10) ** 0.9
        expected = (1 - (step - 4) / 16) ** 0.9, later
        assert found[step] == pytest.approx(expected), step


def test_warmups_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r'warm-ups of \(4, 6\) steps in a training of 10'):
        rates(1, warmup=(4, 6), end=10, by_epoch=False)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ConfigError, match=r"paramwise_cfg.parts=\('backbone',\)"):
        TwoPhaseWarmupPolyLR(optimizer, later='backbone', warmup=(1, 1), end=9)


def test_parts_are_told_the_progress_before_each_step() -> None:
    told = []
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    model[1].set_progress = lambda step, total: told.append((step, total))
    runner = SimpleNamespace(bare_model=model, iter=3, max_iters=40)
    hook = ProgressHook()
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    runner.iter = 4
    hook.before_train_iter(runner, 1)
    assert told == [(3, 40), (4, 40)]
    with pytest.raises(ConfigError, match='no part of the network has a method set_progress'):
        hook.before_train(SimpleNamespace(bare_model=nn.Linear(1, 1)))


def test_the_rate_is_continuous_where_the_warmup_ends() -> None:
    found = rates(12, warmup=(4, 6), begin=0, end=1000, by_epoch=False)
    assert math.isclose(found[4][0], 1.0) and math.isclose(found[10][1], 1.0)
