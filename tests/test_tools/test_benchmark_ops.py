import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avsbench.models.layers import deform_attn
from avsbench.utils import ops

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
needs_operator = pytest.mark.skipif(
    not ops.choose('cpu', 'auto').compiled, reason='no compiled operator for the CPU'
)


@pytest.fixture(scope='module')
def benchmark():
    """Give a module of tools/benchmarks by its name."""
    sys.path.insert(0, str(TOOLS))
    yield lambda name: importlib.import_module(f'benchmarks.{name}')
    sys.path.remove(str(TOOLS))


def run_benchmark(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOLS / 'benchmark.py'), 'ops', *options]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=240)


def test_published_form_equals_the_layers_reference(benchmark) -> None:
    case = benchmark('ops_cases').make_case(1, 64)
    published = benchmark('published_deform_attn')
    inputs = case.value, case.shapes, case.reference_points, case.offsets, case.logits
    ours = deform_attn.deformable_attention_reference(*inputs)
    torch.testing.assert_close(published.published_fused(*inputs), ours)
    given = published.published_attention(case.value, case.shapes, case.locations, case.weights)
    torch.testing.assert_close(given, ours)


def test_samples_stay_clear_of_borders_between_pixels(benchmark) -> None:
    case = benchmark('ops_cases').make_case(2, 96)
    sizes = torch.tensor([(w, h) for h, w in case.shapes])[:, None]
    pixels = case.locations * sizes - 0.5
    assert (pixels - pixels.round()).abs().min() > 0.015
    assert pixels.min() < -1 and (case.locations > 1).any()  # outside is sampled as well


@pytest.mark.parametrize(
    ('name', 'megabytes'),
    [('forward', 16.5), ('backward', 27.7), ('both', 44.1), ('bf16-forward', 11.2)],
)
def test_bytes_moved_at_five_frames(benchmark, name: str, megabytes: float) -> None:
    cases = benchmark('ops_cases')
    assert cases.moved_bytes(cases.make_case(5, 224), name) / 1e6 == pytest.approx(
        megabytes, abs=0.06
    )


def test_default_sizes(benchmark) -> None:
    sizes = benchmark('ops')._sizes
    both = [(224, 5), (224, 10), (224, 40), (512, 5), (512, 10)]
    assert sizes(None, None) == both
    assert sizes([512], None) == [(512, 5), (512, 10)]
    assert sizes(None, [40]) == [(224, 40)]
    assert sizes(None, [3]) == [(224, 3), (512, 3)]
    assert sizes([224], [1, 2]) == [(224, 1), (224, 2)]


def test_peak_memory_of_a_call(benchmark) -> None:
    peak = benchmark('ops_properties').peak_memory(lambda: torch.ones(2**24) + 1)
    assert 120 * 2**20 < peak < 150 * 2**20


def test_without_the_operator_it_says_how_to_build(tmp_path: Path) -> None:
    if ops.choose('cpu', 'auto').compiled:
        pytest.skip('the operator is built')
    done = run_benchmark()
    assert done.returncode == 2 and 'build it with: bash ops/make.sh' in done.stderr


@needs_operator
@pytest.mark.slow
def test_every_pass_has_equal_values() -> None:
    small = ('--size', '224', '--frames', '1', '--rounds', '1', '--threads', '1')
    done = run_benchmark(*small, '--isa', 'portable', '--no-properties')
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(': same') == 6 and done.stdout.count('MB at least') == 6
    assert 'backward: 1 frames, 224 px, float32, 1 thread(s), portable' in done.stdout


@needs_operator
@pytest.mark.slow
def test_properties(benchmark, capsys) -> None:
    case = benchmark('ops_cases').make_case(5, 224)
    with ops.use_path('cpu'):
        benchmark('ops_properties').check_properties(case)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    # The cost of a call depends on what else the machine does.
    missed = [line for line in lines if 'NOT met' in line and 'cost of a call' not in line]
    assert not missed
