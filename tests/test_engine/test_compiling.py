"""`--compile`: what is compiled, what is counted, and where it can't be done."""

import logging
from types import SimpleNamespace

import pytest
import torch

from avsbench.engine import compiling
from avsbench.engine.compiling import CompileHook, CompileSettings, compile_settings
from avsbench.utils.errors import ConfigError

EAGER = {'compile': {'enabled': True, 'backend': 'eager'}}


@pytest.fixture(autouse=True)
def forget_graphs():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def lines(monkeypatch):
    """What runners log, whatever their level."""
    found: list[str] = []
    monkeypatch.setattr(
        logging.Logger, '_log', lambda self, level, text, *_, **__: found.append(str(text))
    )
    return found


def weights(build_toy, name: str, **keys) -> dict[str, torch.Tensor]:
    runner = build_toy(name, {'train_cfg.max_epochs': 1, 'model.decode_head.dropout': 0.0}, **keys)
    runner.train()
    return runner.model.state_dict()


def test_a_training_is_the_same_and_its_checkpoints_have_the_same_keys(build_toy, tmp_path) -> None:
    plain, compiled = weights(build_toy, 'plain'), weights(build_toy, 'compiled', **EAGER)
    assert list(plain) == list(compiled)
    for key, value in plain.items():
        torch.testing.assert_close(compiled[key], value)
    kept = torch.load(tmp_path / 'compiled' / 'epoch_1.pth', weights_only=True)['state_dict']
    assert list(kept) == list(plain)


def test_parts_are_compiled_and_graphs_counted(build_toy, lines) -> None:
    options = {'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 3, 'log_level': 'INFO'}
    runner = build_toy('run', options, **EAGER)
    before = compiling.graph_count()
    runner.train()
    graphs = compiling.graph_count() - before - 1  # the one that is tried first
    # Two parts, in training with whole batches and with the smaller last one, and in evaluation:
    # the second epoch brings no more.
    assert graphs == 6
    assert f'compiled {graphs} graphs of backbone and decode_head in all, with 0 breaks' in lines
    assert any('graphs by train step 3, the last because of ' in line for line in lines)
    assert any('graphs by val step 1' in line for line in lines)
    runner.val()
    assert compiling.graph_count() - before - 1 == graphs
    runner.test()  # in inference mode, which has a graph of each part to itself
    assert compiling.graph_count() - before - 1 == graphs + 2
    assert sum(isinstance(hook, CompileHook) for hook in runner.hooks) == 1


def test_nothing_is_compiled_unless_asked(build_toy) -> None:
    before = compiling.graph_count()
    build_toy('run', {'train_cfg.max_epochs': 1}).train()
    build_toy('off', {'train_cfg.max_epochs': 1, 'compile.enabled': False}).train()
    assert compiling.graph_count() == before


def test_a_machine_that_can_not_compile_goes_on_without(build_toy, monkeypatch, lines) -> None:
    def refuse(*_):
        raise RuntimeError('No working C++ compiler found\nin PATH')

    monkeypatch.setattr(compiling, '_tried', refuse)
    before = compiling.graph_count()
    build_toy('run', {'train_cfg.max_epochs': 1, 'log_level': 'INFO'}, **EAGER).train()
    assert compiling.graph_count() == before
    warnings = [line for line in lines if line.startswith('--compile: ')]
    assert len(warnings) == 1 and 'No working C++ compiler found)' in warnings[0]
    assert 'goes on without it' in warnings[0] and 'PATH' not in warnings[0]


def test_a_graph_that_fails_later_runs_as_it_is(build_toy) -> None:
    def backend(graph, inputs):
        if len(inputs) > 1:  # not the one that is tried first
            raise RuntimeError('no')
        return graph.forward

    torch._dynamo.register_backend(backend, name='fails_later')
    plain = weights(build_toy, 'plain')
    compiled = weights(build_toy, 'failing', compile={'enabled': True, 'backend': 'fails_later'})
    for key, value in plain.items():
        torch.testing.assert_close(compiled[key], value)
    assert not torch._dynamo.config.suppress_errors  # of this process, as before


def test_too_many_graphs_are_a_warning_that_names_the_guard(monkeypatch) -> None:
    said: list[str] = []
    runner = SimpleNamespace(logger=SimpleNamespace(info=lambda _: None, warning=said.append))
    counts = iter([0, 2, 4, 6])
    monkeypatch.setattr(compiling, 'graph_count', lambda: next(counts))
    monkeypatch.setattr(compiling, 'last_reason', lambda: "size mismatch at L['frames']")
    hook = CompileHook(limit=3)
    for step in range(3):
        hook._after_iter(runner, step)
    assert len(said) == 1 and 'compiled 4 graphs by train step 2' in said[0]
    assert "size mismatch at L['frames']" in said[0] and 'compile.dynamic=True' in said[0]


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (None, None),
        (False, None),
        (True, CompileSettings()),
        ({}, None),
        ({'enabled': False, 'backend': 'none of them'}, None),
        ({'dynamic': True}, CompileSettings(True, 'inductor', True)),
    ],
)
def test_settings(given, expected) -> None:
    assert compile_settings({'compile': given}) == expected


def test_unknown_backend(build_toy) -> None:
    with pytest.raises(ConfigError, match=r"compile.backend='inducto'.*did you mean 'inductor'"):
        build_toy('run', compile={'enabled': True, 'backend': 'inducto'}).train()
