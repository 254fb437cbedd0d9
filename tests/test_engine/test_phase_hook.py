"""Phases of a training: what moves in each, in whatever way the training is cut."""

import pytest
import torch

from avsbench.engine.hooks import PhaseHook
from avsbench.engine.hooks.cost_hook import parameter_lines
from avsbench.models.inserts import insert_modules
from avsbench.utils.errors import ConfigError

PHASES = [
    dict(until=1, trained=['decode_head']),
    dict(until=2, trained=['backbone.*'], frozen=['backbone.1', 'backbone.0.bias']),
    dict(),
]
WATCHED = ('backbone.0.weight', 'backbone.0.bias', 'backbone.1.weight', 'decode_head.layers.1.bias')
MOVING = [{WATCHED[3]}, {WATCHED[0]}, set(WATCHED)]  # by epoch


def hook(phases: list[dict] = PHASES, **keys) -> list[dict]:
    return [dict(type='PhaseHook', phases=phases, **keys)]


def watch(runner) -> list[set[str]]:
    """Train; the parameters that each epoch has changed."""
    parameters = dict(runner.model.named_parameters())
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    run_epoch, moved = loop.run_epoch, []

    def spy() -> None:
        before = {name: parameters[name].detach().clone() for name in WATCHED}
        run_epoch()
        moved.append({n for n in WATCHED if not torch.equal(before[n], parameters[n])})

    loop.run_epoch = spy
    runner.train()
    return moved


def test_each_phase_moves_its_parts(build_toy) -> None:
    assert watch(build_toy(whole=dict(custom_hooks=hook()))) == MOVING


def test_a_training_goes_on_in_its_phase(build_toy) -> None:
    whole = dict(custom_hooks=hook())
    first = build_toy('run', whole=whole)
    first.register_hook(dict(type='StopHook'))
    with pytest.raises(RuntimeError, match='stopped'):
        first.train()
    assert watch(build_toy('run', resume=True, whole=whole)) == MOVING[1:]


def test_phases_by_iteration(build_toy) -> None:
    phases = [{**phase, 'until': 4 * phase['until']} for phase in PHASES[:2]] + PHASES[2:]
    moved = watch(build_toy(whole=dict(custom_hooks=hook(phases, by_epoch=False))))
    assert moved == MOVING


def test_patterns_match_something(build_toy) -> None:
    runner = build_toy(whole=dict(custom_hooks=hook([dict(trained=['backbone', 'decode_heads'])])))
    with pytest.raises(ConfigError, match="'decode_heads' matches no .*near are 'decode_head'"):
        runner.train()


@pytest.mark.parametrize(
    ('phases', 'message'),
    [
        ([dict(until=2), dict(until=1), dict()], r'end at \[2, 1, None\], expected growing'),
        ([dict(until=2)], 'no `until` in the last phase'),
        ([dict(), dict()], 'expected growing'),
        ([], 'expected growing'),
        ([dict(untl=2), dict()], "unknown key 'untl'; did you mean 'until'"),
        ([dict(trained='backbone')], r'phases.0.trained: expected a list'),
    ],
)
def test_what_are_no_phases(phases: list[dict], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PhaseHook(phases)


def test_inserted_parts_are_listed() -> None:
    network = torch.nn.ModuleDict(
        {'backbone': torch.nn.ModuleList([torch.nn.Linear(100, 100)] * 1)}
    )
    network.requires_grad_(False)
    insert_modules('Test', network, [dict(type='LoRA', at='backbone.0', rank=100)])
    assert parameter_lines(network)[1:] == [
        '  backbone             0.02     0.01',
        '    1 LoRA             0.02     0.00',
        '  all                  0.02     0.01',
    ]
