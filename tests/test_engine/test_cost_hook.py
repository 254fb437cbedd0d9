"""What a training says about itself at its start."""

import re
from types import SimpleNamespace

import torch

from avsbench.engine.hooks import CostHook, cost_hook


def test_parameters_and_expected_time_are_logged(build_toy, monkeypatch) -> None:
    clock = iter(range(0, 10_000, 600))  # a step takes ten minutes
    monkeypatch.setattr(cost_hook, 'time', SimpleNamespace(perf_counter=lambda: next(clock)))
    runner = build_toy(options={'default_hooks.cost.after': 5})
    lines: list[str] = []
    monkeypatch.setattr(runner.logger, 'info', lambda text, *_, **__: lines.append(str(text)))
    runner.train()
    (parameters,) = [line for line in lines if line.startswith('parameters in millions')]
    trained = sum(p.numel() for p in runner.model.parameters() if p.requires_grad) / 1e6
    assert re.search(rf'^  all +{trained:.2f} +0\.00$', parameters, re.MULTILINE)
    # 12 steps; the first of an epoch is not timed, so 5 are known after the seventh
    (expected,) = [line for line in lines if 'steps are left' in line]
    assert expected.startswith('5 of 12 steps are left: about 50 minutes at 600 s per step')


def test_frozen_parts_are_told_apart() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(1000, 1000), torch.nn.Linear(1000, 2000))
    model[0].requires_grad_(False)
    assert cost_hook.parameter_lines(model)[1:] == [
        '  0                    0.00     1.00',
        '  1                    2.00     0.00',
        '  all                  2.00     1.00',
    ]


def test_long_trainings_are_counted_in_hours() -> None:
    assert cost_hook._duration(5400) == '1.5 hours' and cost_hook._duration(600) == '10 minutes'
    assert CostHook().after == 50
