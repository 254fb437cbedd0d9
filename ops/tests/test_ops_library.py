"""What an operator of PyTorch's owes to the rest of it: tracing, autograd, autocast, vmap."""

import copy
import subprocess
import sys
import time

import pytest
import torch
from cases import (
    NAMES,
    OPS,
    REASON,
    Call,
    assert_equal,
    avsbench_ops,
    gradient_of,
    make_call,
    operator,
)
from torch import Tensor, nn

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or 'built')

SHAPES = [(6, 7), (3, 3)]


@pytest.fixture(params=NAMES)
def call(request) -> Call:
    return make_call(request.param, SHAPES, queries=20)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('frames', [2, 0])
@pytest.mark.parametrize('name', NAMES)
def test_opcheck(name: str, dtype: torch.dtype, frames: int) -> None:
    call = make_call(name, SHAPES, queries=20, frames=frames)
    call = call.to(dtype, *[torch.promote_types(dtype, torch.float32)] * len(call.rest))
    # The backward operators first: they are differentiated no more.
    torch.library.opcheck(operator(f'{name}_backward'), (gradient_of(call), *call.arguments))
    for tensor in call.tensors:
        tensor.requires_grad_()
    torch.library.opcheck(operator(name), call.arguments)


class Layer(nn.Module):
    """One call of the operator after a linear layer."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.linear = nn.Linear(32, 32)
        self.call = call

    def forward(self, value: Tensor, *rest: Tensor) -> Tensor:
        return self.call.with_tensors([self.linear(value), *rest]).run() * 2


@pytest.mark.parametrize('dynamic', [False, True])
def test_compiles_as_one_graph(call: Call, dynamic: bool) -> None:
    torch._dynamo.reset()
    layer = Layer(call)
    compiled = torch.compile(
        copy.deepcopy(layer), fullgraph=True, dynamic=dynamic, backend='aot_eager'
    )
    for queries in (20, 13) if dynamic else (20,):
        inputs = make_call(call.name, SHAPES, queries=queries).tensors
        results = []
        for module in (layer, compiled):
            leaves = [x.clone().requires_grad_() for x in inputs]
            output = module(*leaves)
            results.append([output, *torch.autograd.grad(output.square().sum(), leaves)])
        assert_equal(results[1], results[0], 1e-6)


def test_exports_as_one_node(call: Call) -> None:
    layer = Layer(call)
    exported = torch.export.export(layer, tuple(call.tensors))
    targets = [str(node.target) for node in exported.graph.nodes]
    assert targets.count(f'avsbench.{call.name}.default') == 1
    torch.testing.assert_close(exported.module()(*call.tensors), layer(*call.tensors))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_takes_values_in_16_bits_and_nothing_else(call: Call, dtype: torch.dtype) -> None:
    grad = gradient_of(call).to(dtype)
    with torch.autocast('cpu', dtype):
        leaves = [x.clone().requires_grad_() for x in call.tensors]
        output = call.with_tensors(leaves).run()
    halved = call.to(dtype, *[torch.float32] * len(call.rest))
    assert output.dtype == dtype
    assert torch.equal(output, halved.run())
    grads = torch.autograd.grad(output, leaves, grad)
    assert [x.dtype for x in grads] == [torch.float32] * len(leaves)
    assert all(map(torch.equal, grads[1:], halved.results('run', grad)[2:]))


def test_autocast_leaves_float64_alone(call: Call) -> None:
    exact = call.to(torch.float64)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(exact.run(), exact.run().double())
        assert exact.run().dtype == torch.float64


def test_half_locations_are_refused_under_autocast_too() -> None:
    """They were rounded before, which no conversion undoes."""
    call = make_call('ms_deform_attn', SHAPES).to(torch.float32, torch.bfloat16, torch.float32)
    with torch.autocast('cpu', torch.bfloat16), pytest.raises(TypeError, match='locations has'):
        call.run()


def test_vmap(call: Call) -> None:
    calls = [make_call(call.name, SHAPES, frames=2, seed=seed) for seed in range(3)]
    expected = torch.stack([one.run() for one in calls])
    stacked = [torch.stack(parts) for parts in zip(*(one.tensors for one in calls), strict=True)]

    def attend(*tensors: Tensor) -> Tensor:
        return call.with_tensors(tensors).run()

    assert torch.equal(torch.vmap(attend)(*stacked), expected)
    # Values alone, and along another dimension than the first one.
    rest, dims = calls[0].rest, (2, *[None] * len(call.rest))
    same = torch.vmap(attend, in_dims=dims)(stacked[0].movedim(0, 2), *rest)
    for index, value in enumerate(stacked[0]):
        assert torch.equal(same[index], call.with_tensors([value, *rest]).run())


def test_vmap_of_the_backward_operator(call: Call) -> None:
    calls = [make_call(call.name, SHAPES, frames=2, seed=seed) for seed in range(2)]
    grads = torch.stack([gradient_of(one, seed) for seed, one in enumerate(calls)])
    backward = operator(f'{call.name}_backward')
    expected = [backward(grad, *one.arguments) for grad, one in zip(grads, calls, strict=True)]
    stacked = [torch.stack(parts) for parts in zip(*(one.tensors for one in calls), strict=True)]

    def run(grad: Tensor, value: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        return backward(grad, value, call.flat, *rest)

    mapped = torch.vmap(run)(grads, *stacked)
    for ours, parts in zip(mapped, zip(*expected, strict=True), strict=True):
        assert torch.equal(ours, torch.stack(parts))


def test_no_second_derivative(call: Call) -> None:
    call = call.with_tensors([x.requires_grad_() for x in call.tensors])
    (grad,) = torch.autograd.grad(call.run().square().sum(), call.value, create_graph=True)
    with pytest.raises(NotImplementedError, match='no second derivatives'):
        grad.sum().backward()


def test_graph_is_kept_for_as_long_as_it_is_wanted(call: Call) -> None:
    call.value.requires_grad_()
    output = call.run().sum()
    (first,) = torch.autograd.grad(output, call.value, retain_graph=True)
    (second,) = torch.autograd.grad(output, call.value)
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match='second time'):
        torch.autograd.grad(output, call.value)


def test_input_changed_after_the_call_is_noticed(call: Call) -> None:
    call.rest[-1].requires_grad_()
    output = call.run().sum()
    call.value.add_(1)
    with pytest.raises(RuntimeError, match='modified by an inplace operation'):
        output.backward()


def test_a_call_costs_little() -> None:
    """5 us were asked for; the rest is for a machine that has other things to do."""
    call = make_call(NAMES[1], [(1, 1)], frames=1, queries=1, heads=1, dims=4, points=1)
    function, arguments = operator(call.name), call.arguments
    best = float('inf')
    for _ in range(20):
        start = time.process_time()
        for _ in range(200):
            function(*arguments)
        best = min(best, (time.process_time() - start) / 200)
    assert best < 20e-6


def test_memory_is_that_of_the_results() -> None:
    """No copy of the inputs, no expanded locations, no softmax."""
    call = make_call(NAMES[1], [(32, 32), (16, 16)], frames=4, queries=512, heads=8)
    grad = gradient_of(call)
    with torch.profiler.profile(profile_memory=True) as profile:
        output = call.run()
        grads = operator(f'{call.name}_backward')(grad, *call.arguments)
    allocated = sum(max(event.self_cpu_memory_usage, 0) for event in profile.events())
    assert allocated <= sum(x.nbytes for x in (output, *grads)) + 4096


def python(code: str, cwd, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', code],
        cwd=cwd,
        env={'PATH': '/usr/bin:/bin', 'OMP_NUM_THREADS': '1', **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize('limit', ['avx2', 'portable', 'sse9'])
def test_environment_limits_the_instruction_set(limit: str) -> None:
    done = python(
        'import avsbench_ops; print(avsbench_ops.cpu_capability())', OPS, AVSBENCH_OPS_ISA=limit
    )
    if limit == 'sse9':
        assert "AVSBENCH_OPS_ISA is 'sse9', expected avx512, avx2 or portable" in done.stderr
    else:
        with avsbench_ops.limit_cpu_capability(limit) as used:
            assert done.stdout.strip() == used


def test_import_says_how_to_build(tmp_path) -> None:
    package = tmp_path / 'avsbench_ops'
    package.mkdir()
    for file in (OPS / 'avsbench_ops').glob('*.py'):
        (package / file.name).write_text(file.read_text())
    done = python('import avsbench_ops', tmp_path)
    assert 'ImportError: the operators of avsbench are not built' in done.stderr
    assert 'bash ops/make.sh' in done.stderr
    (package / '_library.so').write_bytes(b'of another PyTorch')
    done = python('import avsbench_ops', tmp_path)
    assert 'build it again with: bash ops/make.sh' in done.stderr


def test_schemas_are_those_of_the_readme() -> None:
    text = ' '.join((OPS / 'README.md').read_text().split())
    for name in NAMES:
        for each in (name, f'{name}_backward'):
            assert str(operator(each)._schema).removeprefix('avsbench::') in text
