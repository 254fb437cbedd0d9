"""The GPU's benchmarks, without a GPU: what they compare, count and write, on the CPU."""

import argparse
import importlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avsbench.utils import ops

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / 'tools'
needs_operator = pytest.mark.skipif(
    not ops.choose('cpu', 'auto').compiled, reason='no compiled operator for the CPU'
)


@pytest.fixture(scope='module')
def benchmark():
    """Give a module of tools/benchmarks by its name."""
    sys.path.insert(0, str(TOOLS))
    yield lambda name: importlib.import_module(f'benchmarks.{name}')
    sys.path.remove(str(TOOLS))


@pytest.fixture
def on_cpu(benchmark, monkeypatch):
    """`ops_cuda` over the CPU's kernels: small inputs, every call takes a millisecond."""
    module = benchmark('ops_cuda')
    make_case = benchmark('ops_cases').make_case
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda: 'NVIDIA H100 80GB HBM3')
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: (9, 0))
    choose = ops.choose
    monkeypatch.setattr(module.ops, 'choose', lambda device, path: choose('cpu', 'auto'))
    monkeypatch.setattr(module, 'make_case', lambda frames, size, device: make_case(1, 64))
    monkeypatch.setattr(module, 'event_seconds', lambda call, count: call() and 1e-3)
    monkeypatch.setattr(module, 'kernel_seconds', lambda case, name, rounds: 1e-4)
    monkeypatch.setattr(module, 'copy_bandwidth', lambda: 4e12)
    return module


def options(**changes) -> argparse.Namespace:
    given = {'size': [224], 'frames': [40], 'kinds': ['float32', 'bfloat16'], 'rounds': 2}
    passes = ['forward', 'backward', 'fused-forward', 'fused-backward']
    given |= {'passes': passes, 'json': None, 'once': False}
    return argparse.Namespace(**{**given, **changes})


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_one_line_says_so() -> None:
    command = [sys.executable, str(TOOLS / 'benchmark.py'), 'ops_cuda']
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr == 'error: ops_cuda: PyTorch finds no GPU here\n'


def test_reference_is_the_published_form(benchmark) -> None:
    module, published = benchmark('ops_cuda'), benchmark('published_deform_attn')
    case = benchmark('ops_cases').make_case(1, 64)
    fused = published.published_fused(
        case.value, case.shapes, case.reference_points, case.offsets, case.logits
    )
    torch.testing.assert_close(module.reference(case, 'fused-forward')(), (fused,))
    torch.testing.assert_close(module.reference(case, 'forward')(), (fused,))
    grads = module.reference(case, 'fused-backward')()
    assert [grad.shape for grad in grads] == [tensor.shape for tensor in case.raw()]


@needs_operator
def test_figures(on_cpu, monkeypatch, tmp_path, capsys) -> None:
    assert on_cpu.run(options(json=tmp_path / 'figures.json')) == 0
    figures = json.loads((tmp_path / 'figures.json').read_text())
    rows = {(row['name'], row['kind']): row for row in figures['rows']}
    assert len(rows) == len(figures['rows']) == 8
    row = rows['fused-forward', 'bfloat16']
    assert (row['size'], row['frames'], row['ratio'], row['kernel_us']) == (224, 40, 1, 100)
    # 84 tokens: value and output 84 x 256, offsets 84 x 192, logits 84 x 96, 2 bytes each
    assert row['bytes'] == 84 * (2 * 256 + 192 + 96) * 2
    assert row['share_of_copy'] == pytest.approx(row['bytes'] / 1e-4 / 4e12)
    assert row['goal_us'] == 80 and rows['forward', 'float32']['goal_us'] is None
    assert 0 < row['error'] <= row['tolerance']
    assert rows['backward', 'float32']['error'] <= 5e-5
    printed = capsys.readouterr().out
    assert printed.count(' same') == 8 and 'goal 80 us: NOT met' in printed

    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: (8, 0))
    assert on_cpu.run(options(passes=['fused-forward'])) == 0
    assert 'goal' not in capsys.readouterr().out  # it is for Hopper


@needs_operator
def test_different_values_fail(on_cpu, monkeypatch, capsys) -> None:
    reference = on_cpu.reference
    wrong = lambda case, name: lambda: [2 * result for result in reference(case, name)()]  # noqa: E731
    monkeypatch.setattr(on_cpu, 'reference', wrong)
    assert on_cpu.run(options(passes=['forward'], kinds=['float32'])) == 1
    assert 'FAILED: forward float32, 224 px, 40 frames: values differ' in capsys.readouterr().out


def test_nan_is_a_difference(benchmark) -> None:
    module = benchmark('ops_cuda')
    good, bad = torch.ones(3), torch.tensor([1.0, math.nan, 1.0])
    assert math.isnan(module.largest_difference((good, good), (bad, good)))
    assert module.largest_difference((good,), (good * 1.5,)) == pytest.approx(0.5)


def test_sizes(benchmark) -> None:
    sizes = benchmark('ops_cuda').sizes
    assert sizes(None, None) == [(224, 5), (224, 10), (224, 40), (512, 5), (512, 10)]
    assert sizes([512], None) == [(512, 5), (512, 10)]
    assert sizes([224], [3, 7]) == [(224, 3), (224, 7)]
    assert sizes(None, [5]) == [(224, 5), (512, 5)]


def test_copies_of_the_inputs_overflow_the_cache(benchmark) -> None:
    module = benchmark('ops_cuda')
    assert module.copies_to_overflow(60 * 2**20, 8 * 2**20) == 15
    assert module.copies_to_overflow(60 * 2**20, 2**30) == 2
    assert module.copies_to_overflow(60 * 2**20, 1) == module.MOST_COPIES


def train_step(tmp_path: Path, *options: str) -> tuple[int, list[dict]]:
    """Exit code and rows of the benchmark of training steps, in a process of its own."""
    rows = tmp_path / 'steps.jsonl'
    command = [sys.executable, str(TOOLS / 'benchmark.py'), 'train_step', '--json', str(rows)]
    small = ['--frames', '2', '--clips', '1', '--steps', '1', '--backend', 'eager']
    done = subprocess.run([*command, *small, *options], capture_output=True, text=True, timeout=600)
    assert rows.exists(), done.stdout + done.stderr
    return done.returncode, [json.loads(line) for line in rows.read_text().splitlines()]


@pytest.mark.slow
@needs_operator
@pytest.mark.skipif(torch.cuda.is_available(), reason='this is the path of the CPU')
def test_training_step(tmp_path) -> None:
    code, rows = train_step(tmp_path, '--config', 's4/demo.py', '--size', '32')
    assert code == 0 and not any('error' in row for row in rows)
    assert [row['variant'] for row in rows] == ['reference', 'operator', 'compiled']
    assert all(row['step_ms'] > 0 and math.isfinite(row['loss']) for row in rows)
    assert [row['graph_breaks'] is None for row in rows] == [True, True, False]
    assert {row['precision'] for row in rows} == {'bf16'}
    assert rows[0]['clips']['annotated'] == 1  # as S4's training split


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason='this is the path of the CPU')
def test_training_step_of_every_system(tmp_path) -> None:
    demos = sorted(ROOT.glob('config/s4/*_demo.py'))
    assert len(demos) >= 5
    names = [f's4/{path.name}' for path in demos] + ['s4/combo_res50.py']
    # 64 pixels: some take frames of one size alone
    options = ['--size', '64', '--variants', 'reference', '--precision', 'fp32']
    code, rows = train_step(tmp_path, *options, '--config', *names, 's4/none.py')
    assert code == 1 and 'none.py' in rows.pop()['error']  # and the others were measured
    assert [row['config'] for row in rows] == names
    for row in rows:
        assert 'error' not in row and row['step_ms'] > 0, row
    assert rows[-1]['clips']['channels'] == 6  # with Maskiges


def test_training_steps_of_all_systems_by_default(benchmark) -> None:
    module = benchmark('train_step')
    args = argparse.Namespace(config=None, precision=['bf16', 'fp32'], variants=['operator'])
    rows = list(module._rows(args))
    assert {config for config, _, _ in rows[: len(rows) // 2]} == {
        f's4/{name}_pvt2.py' for name in module.SYSTEMS.module_dict
    }
    assert len({precision for _, precision, _ in rows[: len(rows) // 2]}) == 1
    for config, _, _ in rows:
        clips = module.clips_of(
            module.load_config(module.config_file(config)),
            argparse.Namespace(clips=None, frames=None, size=None),
        )
        assert clips.frames == 5 and clips.annotated == 1 and clips.number >= 2
        with_maskiges = any(name in config for name in ('combo', 'vct'))
        assert clips.channels == (6 if with_maskiges else 3)


def test_training_step_past_its_budget_is_a_failed_row(benchmark, monkeypatch, tmp_path) -> None:
    module = benchmark('train_step')
    monkeypatch.setattr(module, '_measure', lambda *_: pytest.fail('begun'))
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    rows = tmp_path / 'rows.jsonl'
    options = ['--budget', '-1', '--variants', 'operator', '--json', str(rows)]
    assert module.run(parser.parse_args([*options, '--config', 's4/demo.py'])) == 1
    assert 'not begun within' in json.loads(rows.read_text())['error']
