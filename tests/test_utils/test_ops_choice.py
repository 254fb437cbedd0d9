"""Which implementation of an operator runs, with a made-up library in place of the compiled one."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

from avsbench.models.layers import multi_scale_deformable_attention
from avsbench.utils import ops
from avsbench.utils.errors import ConfigError

# Answers ones, so that a test sees who ran.
FAKE = """
import torch
library = torch.library.Library('avsbench_made_up', 'FRAGMENT')
library.define('answer_{name}(Tensor value) -> Tensor')
for device in {devices}:
    library.impl('answer_{name}', torch.ones_like, device)
"""
INPUTS = (
    torch.zeros(1, 6, 2, 4),
    [(2, 3)],
    torch.full((1, 1, 1, 2), 0.5),
    torch.zeros(1, 1, 2, 1, 2, 2),
    torch.zeros(1, 1, 2, 2),
)


@pytest.fixture
def state(monkeypatch, tmp_path: Path):
    """A process in which nothing is decided, a checkout without library, and no message yet."""
    importer = importlib.import_module

    def not_installed(name, *rest):
        if name == ops.PACKAGE and ops.PACKAGE not in sys.modules:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
        return importer(name, *rest)

    monkeypatch.setattr(ops.importlib, 'import_module', not_installed)
    monkeypatch.delitem(sys.modules, ops.PACKAGE, raising=False)
    monkeypatch.delenv(ops.ENV, raising=False)
    monkeypatch.setattr(ops, 'CHECKOUT', tmp_path)
    ops.reset()
    yield monkeypatch
    sys.modules.pop(ops.PACKAGE, None)
    monkeypatch.undo()
    ops.reset()


@pytest.fixture
def messages(state) -> list[str]:
    printed = []
    state.setattr(ops, 'print_log', lambda text, *rest: printed.append(text))
    return printed


def build(state, name: str, *devices: str, source: str | None = None) -> None:
    """Put a library with kernels for these dispatch keys into the checkout."""
    folder = ops.CHECKOUT / ops.PACKAGE
    folder.mkdir()
    (folder / '__init__.py').write_text(source or FAKE.format(name=name, devices=devices))
    state.setattr(ops, 'OPERATOR', f'avsbench_made_up::answer_{name}')


def test_not_built_says_so_once_and_takes_the_reference(messages) -> None:
    assert not ops.use_compiled('cpu') and not ops.use_compiled('cpu')
    assert len(messages) == 1
    assert 'neither installed nor in ops/' in messages[0] and 'bash ops/make.sh' in messages[0]
    result = multi_scale_deformable_attention(*INPUTS)
    assert result.shape == (1, 1, 8) and result.abs().max() == 0


def test_auto_takes_what_is_built_for_the_device(state, messages) -> None:
    build(state, 'cpu_only', 'CPU')
    assert ops.use_compiled('cpu') and messages == []
    assert not ops.use_compiled('cuda')
    assert len(messages) == 1 and 'was built without CUDA kernels' in messages[0]
    assert not ops.use_compiled('mps')
    assert "no compiled kernels for 'mps'" in messages[1] and 'make.sh' not in messages[1]


def test_a_library_with_both(state, messages) -> None:
    build(state, 'both', 'CPU', 'CUDA')
    assert ops.use_compiled('cpu') and ops.use_compiled('cuda') and messages == []


def test_reference_is_taken_without_a_word(state, messages) -> None:
    build(state, 'unused', 'CPU')
    state.setenv(ops.ENV, 'reference')
    assert not ops.use_compiled('cpu') and messages == []


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_forced_but_not_available(state, device: str) -> None:
    state.setenv(ops.ENV, device)
    expected = f'AVSBENCH_OPS={device}: .*build it with: bash ops/make.sh'
    with pytest.raises(ConfigError, match=expected):
        ops.use_compiled(device)
    assert ops.describe()[device].startswith(f'error: AVSBENCH_OPS={device}')


def test_forced_for_the_other_device(state) -> None:
    build(state, 'forced', 'CPU', 'CUDA')
    state.setenv(ops.ENV, 'cuda')
    assert ops.use_compiled('cuda')
    with pytest.raises(ConfigError, match="AVSBENCH_OPS=cuda, but the tensors are on 'cpu'"):
        multi_scale_deformable_attention(*INPUTS)


def test_unknown_value_names_the_nearest(state) -> None:
    state.setenv(ops.ENV, 'referense')
    with pytest.raises(ConfigError, match="AVSBENCH_OPS='ref.*did you mean 'reference'"):
        ops.use_compiled('cpu')
    with pytest.raises(ConfigError, match="did you mean 'cuda'"), ops.use_path('cud'):
        pass


def test_an_empty_value_is_auto(state) -> None:
    state.setenv(ops.ENV, '')
    assert ops.requested_path() == 'auto'


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        ('raise OSError("undefined symbol: _ZN2at")', 'undefined symbol'),
        (f'raise ImportError("not built; {ops.BUILD}")', 'not built'),
        ('other = True', 'registers no avsbench_made_up::answer_x'),
    ],
)
def test_a_library_that_does_not_load(state, messages, source: str, reason: str) -> None:
    build(state, 'x', source=source)
    assert not ops.use_compiled('cpu')
    assert reason in messages[0] and messages[0].count(ops.BUILD) == 1
    ops.reset()
    state.setenv(ops.ENV, 'cpu')
    with pytest.raises(ConfigError, match=reason):
        ops.use_compiled('cpu')


def test_a_package_that_misses_another_one_is_an_error(state) -> None:
    build(state, 'broken', source='import no_such_package')
    with pytest.raises(ModuleNotFoundError, match='no_such_package'):
        ops.use_compiled('cpu')
    assert ops.PACKAGE not in sys.modules


def test_the_variable_is_read_once(state) -> None:
    assert ops.requested_path() == 'auto'
    state.setenv(ops.ENV, 'reference')
    assert ops.requested_path() == 'auto'
    ops.reset()
    assert ops.requested_path() == 'reference'


def test_a_path_holds_within_its_block(state) -> None:
    build(state, 'block', 'CPU')
    assert ops.use_compiled('cpu')
    with ops.use_path('auto'), ops.export_decomposition():
        assert not ops.use_compiled('cpu')
    with pytest.raises(KeyError), ops.use_path('reference'):
        raise KeyError
    assert ops.use_compiled('cpu')


def test_compiled_graphs_follow_a_path(state) -> None:
    build(state, 'traced', 'CPU')

    def ask(tensor: torch.Tensor) -> torch.Tensor:
        return tensor + 1 if ops.use_compiled(tensor.device.type) else tensor

    compiled = torch.compile(ask, fullgraph=True, backend='eager')
    zero = torch.zeros(())
    assert compiled(zero) == 1
    with ops.use_path('reference'):
        assert compiled(zero) == 0
    assert compiled(zero) == 1


def test_report(run_script) -> None:
    finished = run_script('python', '-m', 'avsbench.utils.env', AVSBENCH_OPS='reference')
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)['deformable_attention']
    assert report == {
        'AVSBENCH_OPS': 'reference',
        'cpu': 'reference: chosen',
        'cuda': 'reference: chosen',
    }
