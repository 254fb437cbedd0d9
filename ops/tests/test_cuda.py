"""The compiled operators on a GPU; skipped where there is none, or no CUDA kernels are built."""

import pytest
import torch
from cuda_cases import KINDS, NAMES, Case, agree, check, missing, operator
from torch import Tensor

REASON = missing()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or 'available')


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.parametrize('name', NAMES)
def test_values_and_gradients(name: str, kind: torch.dtype) -> None:
    check(Case(kind), name)


@pytest.mark.parametrize('kind', [torch.float16, torch.bfloat16], ids=str)
def test_half_offsets_and_logits(kind: torch.dtype) -> None:
    case = Case(kind, reference_frames=2)
    case.offsets, case.logits = case.offsets.to(kind), case.logits.to(kind)
    check(case, NAMES[1])
    case.weights = case.weights.to(kind)
    check(case, NAMES[0])


def test_mixed_types() -> None:
    case = Case()
    case.offsets, case.logits = case.offsets.half(), case.logits.bfloat16()
    assert [g.dtype for g in case.backward(NAMES[1])] == [torch.float32, *KINDS[1:3]]
    check(case, NAMES[1])


@pytest.mark.parametrize('dims', [1, 3, 4, 8, 16, 20, 33, 64, 72, 140])
@pytest.mark.parametrize('kind', [torch.float32, torch.bfloat16], ids=str)
def test_head_widths(kind: torch.dtype, dims: int) -> None:
    check(Case(kind, dims=dims), NAMES[1])


@pytest.mark.parametrize('points', [1, 2, 3, 5, 8, 32])
def test_numbers_of_points(points: int) -> None:
    check(Case(points=points), NAMES[1])


@pytest.mark.parametrize('shapes', [((1, 1),), ((1, 100),), ((100, 1),), ((2, 3),) * 16], ids=str)
def test_level_shapes(shapes: tuple) -> None:
    check(Case(shapes=shapes, points=2), NAMES[1])


def test_levels_of_the_network() -> None:
    case = Case(frames=5, queries=1029, heads=8, shapes=((28, 28), (14, 14), (7, 7)))
    for name in NAMES:
        check(case, name)


def test_more_cells_than_counters() -> None:
    """Levels of 512 pixels: the backward pass sorts the samples of the largest one in parts."""
    check(Case(queries=5376, heads=1, shapes=((64, 64), (32, 32), (16, 16))), NAMES[1])


def test_more_samples_than_16_bits_count() -> None:
    check(Case(torch.float64, queries=2100, points=32, heads=1, dims=2), NAMES[1])


@pytest.mark.parametrize(('kind', 'allowed'), [(torch.bfloat16, 2.5e-3), (torch.float16, 5e-4)])
def test_error_of_half_values(kind: torch.dtype, allowed: float) -> None:
    """Values and output rounded, the rest in float32: relative RMS error against float64."""
    case = Case(frames=2, queries=1029, heads=8, shapes=((28, 28), (14, 14), (7, 7)))
    exact = case.expected(NAMES[1])[0]
    case.value = case.value.to(kind)
    error = (case.forward(NAMES[1]) - exact).square().mean().sqrt() / exact.square().mean().sqrt()
    assert float(error) <= allowed


@pytest.mark.parametrize('name', NAMES)
def test_gradcheck(name: str) -> None:
    case = Case(torch.float64, frames=1, queries=3, heads=2, dims=4, points=2)
    leaves = [tensor.clone().requires_grad_() for tensor in case.tensors(name)]
    assert torch.autograd.gradcheck(
        lambda *tensors: operator(name)(*case.arguments(name, list(tensors))),
        leaves,
        nondet_tol=0.0,
        atol=1e-7,
    )


@pytest.mark.parametrize('kind', KINDS[:3], ids=str)
@pytest.mark.parametrize('name', NAMES)
def test_same_bits_in_every_run(name: str, kind: torch.dtype) -> None:
    case = Case(kind, frames=8, queries=1029, heads=8, shapes=((28, 28), (14, 14), (7, 7)))
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        first = case.backward(name)
        for _ in range(5):
            for a, b in zip(first, case.backward(name), strict=True):
                assert torch.equal(a, b)
    finally:
        torch.use_deterministic_algorithms(before)


def test_same_bits_in_every_batch() -> None:
    """A frame's results don't depend on the frames beside it, though the launch does."""
    case = Case(frames=16, queries=300, shapes=((28, 28), (14, 14)))
    whole = (case.forward(NAMES[1]), *case.backward(NAMES[1]))
    case.value, case.offsets = case.value[3:4], case.offsets[3:4]
    case.logits, case.grad = case.logits[3:4], case.grad[3:4]
    for a, b in zip(whole, (case.forward(NAMES[1]), *case.backward(NAMES[1])), strict=True):
        assert torch.equal(a[3:4], b)


@pytest.mark.parametrize('name', NAMES)
def test_as_the_cpu_kernels(name: str) -> None:
    case = Case()
    arguments = case.arguments(name)
    host = [a.cpu() if isinstance(a, Tensor) else a for a in arguments]
    torch.testing.assert_close(
        case.forward(name).cpu(), operator(name)(*host), rtol=1e-5, atol=1e-5
    )
    results = operator(f'{name}_backward')(case.grad.cpu(), *host)
    for a, b in zip(case.backward(name), results, strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-5, atol=1e-4)


def test_far_outside() -> None:
    case = Case()
    case.offsets = case.offsets + 1000
    assert not case.forward(NAMES[1]).any()
    assert not any(grad.any() for grad in case.backward(NAMES[1]))
    case.offsets = case.offsets * 1e30
    assert not case.forward(NAMES[1]).any()


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_bad_positions(bad: float) -> None:
    """NaN where a bad position is sampled, as grid_sample's, and nowhere else."""
    case = Case(queries=5, dims=32)
    case.offsets[1, 2, 3, 1, 0, 0] = bad
    touched = torch.zeros(2, 5, 4, dtype=torch.bool, device='cuda')
    touched[1, 2, 3] = True
    output = case.forward(NAMES[1]).unflatten(-1, (4, 32))
    assert torch.equal(output.isnan().all(-1), touched)
    assert torch.equal(output.isnan().any(-1), touched)
    value, offsets, logits = case.backward(NAMES[1])
    assert value.isfinite().all()
    assert torch.equal(logits.isnan().any(-1), touched)
    assert torch.equal(offsets.isnan().flatten(3).any(-1), touched)


@pytest.mark.parametrize(('frames', 'queries'), [(0, 5), (3, 0), (0, 0)])
@pytest.mark.parametrize('name', NAMES)
def test_nothing_to_do(name: str, frames: int, queries: int) -> None:
    case = Case(frames=frames, queries=queries)
    assert case.forward(name).shape == (frames, queries, 128)
    for result, like in zip(case.backward(name), case.tensors(name), strict=True):
        assert result.shape == like.shape and not result.any()


def test_layouts() -> None:
    """Strided, expanded and unaligned tensors give what dense ones give."""
    case = Case()
    case.grad = case.grad[:1, :1].expand_as(case.grad)
    expected = (case.forward(NAMES[1]), *case.backward(NAMES[1]))

    def strided(tensor: Tensor) -> Tensor:
        return tensor.transpose(0, 1).contiguous().transpose(0, 1)

    def unaligned(tensor: Tensor) -> Tensor:
        view = tensor.new_empty(tensor.numel() + 1)[1:].view(tensor.shape)
        return view.copy_(tensor)

    dense = case.value, case.offsets, case.logits, case.reference
    for change in (strided, unaligned):
        case.value, case.offsets, case.logits, case.reference = map(change, dense)
        for a, b in zip(expected, (case.forward(NAMES[1]), *case.backward(NAMES[1])), strict=True):
            assert torch.equal(a, b)


def test_another_stream() -> None:
    """The kernels wait for what their own stream does, and for nothing else."""
    case = Case()
    exact = case.expected(NAMES[1])
    value = case.value
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        case.value = torch.zeros_like(value)
        torch.cuda._sleep(50_000_000)
        case.value.copy_(value)
        results = (case.forward(NAMES[1]), *case.backward(NAMES[1]))
    stream.synchronize()
    agree(results, exact)


def test_no_wait_for_the_gpu() -> None:
    case = Case()
    for name in NAMES:
        case.forward(name), case.backward(name)
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode('error')
    try:
        for name in NAMES:
            case.forward(name), case.backward(name)
    finally:
        torch.cuda.set_sync_debug_mode(before)


def test_number_of_kernels() -> None:
    """One launch forward, three backward, nothing around them."""
    case = Case()
    for call, launches in ((case.forward, 1), (case.backward, 3)):
        call(NAMES[1])
        torch.cuda.synchronize()
        activities = [torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profile:
            call(NAMES[1])
            torch.cuda.synchronize()
        kernels = [
            event.name
            for event in profile.events()
            if event.device_type == torch.autograd.DeviceType.CUDA
        ]
        assert len(kernels) == launches, kernels


def test_graph_replay() -> None:
    case = Case()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        case.forward(NAMES[1]), case.backward(NAMES[1])
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = (case.forward(NAMES[1]), *case.backward(NAMES[1]))
    case.value.mul_(2)  # in place: the graph reads the same memory
    graph.replay()
    torch.cuda.synchronize()
    agree(results, case.expected(NAMES[1]))


def test_more_than_two_to_the_31_elements() -> None:
    """The last frame of a batch whose values no 32-bit index reaches."""
    free, _ = torch.cuda.mem_get_info()
    if free < 20 * 2**30:
        pytest.skip('less than 20 GiB of free GPU memory')
    frames, tokens, heads, dims = 1600, 5376, 8, 32
    assert frames * tokens * heads * dims > 2**31
    last = Case(torch.bfloat16, frames=1, queries=4, heads=heads, shapes=((64, 64), (32, 40)))
    shape = (frames, *last.value.shape[1:])
    assert last.value.shape[1] == tokens
    case = Case(torch.bfloat16, frames=1, queries=4, heads=heads, shapes=last.shapes)
    case.value = torch.zeros(shape, dtype=torch.bfloat16, device='cuda')
    case.value[-1] = last.value[0]
    for part in ('offsets', 'logits', 'grad'):
        tensor = getattr(last, part)
        setattr(case, part, tensor.expand(frames, *tensor.shape[1:]).contiguous())
    assert torch.equal(case.forward(NAMES[1])[-1:], last.forward(NAMES[1]))
    for a, b in zip(case.backward(NAMES[1]), last.backward(NAMES[1]), strict=True):
        assert torch.equal(a[-1:], b)


def test_frames_past_the_limits_are_refused() -> None:
    one = torch.zeros(1, 1, 1, 1, 1, 2, device='cuda')
    zero = torch.zeros(1, device='cuda')
    heads = zero.expand(1, 1, 2**15, 1, 1, 2)
    with pytest.raises(ValueError, match='bytes'):
        operator(NAMES[0])(zero.expand(1, 1, 2**15, 2**14), [1, 1], heads, heads[..., 0])
    with pytest.raises(ValueError, match='tokens'):
        operator(NAMES[0])(zero.expand(1, 2**27, 1, 1), [2**13, 2**14], one, one[..., 0])
    many = one.expand(1, 1, 1, 1, 97, 2)
    with pytest.raises(ValueError, match='96 points'):
        operator(NAMES[0])(zero.expand(1, 1, 1, 1), [1, 1], many, many[..., 0])


def test_tensors_of_two_devices_are_refused() -> None:
    case = Case()
    case.offsets = case.offsets.cpu()
    with pytest.raises(RuntimeError, match='cpu'):
        case.forward(NAMES[1])


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason='one GPU')
def test_a_gpu_that_is_not_the_current_one() -> None:
    case = Case()
    expected = (case.forward(NAMES[1]), *case.backward(NAMES[1]))
    for part in ('value', 'offsets', 'logits', 'reference', 'grad'):
        setattr(case, part, getattr(case, part).to('cuda:1'))
    for a, b in zip(expected, (case.forward(NAMES[1]), *case.backward(NAMES[1])), strict=True):
        assert b.device.index == 1
        torch.testing.assert_close(a.cpu(), b.cpu())


@pytest.mark.parametrize('kind', [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize('name', NAMES)
def test_opcheck(name: str, kind: torch.dtype) -> None:
    case = Case(kind, queries=7, dims=8)
    leaves = [tensor.clone().requires_grad_() for tensor in case.tensors(name)]
    torch.library.opcheck(operator(name).default, case.arguments(name, leaves))
    torch.library.opcheck(operator(f'{name}_backward').default, (case.grad, *case.arguments(name)))


def test_compiled_under_autocast() -> None:
    """One graph, values in the type of autocast, gradients as without the compiler."""
    case = Case(heads=4, dims=16)
    linear = torch.nn.Linear(64, 64, device='cuda')

    def step(value: Tensor) -> Tensor:
        projected = linear(value).unflatten(-1, (4, 16))
        output = operator(NAMES[1])(projected, *case.arguments(NAMES[1])[1:])
        assert output.dtype == torch.bfloat16
        return output.float().square().mean()

    value = case.value.flatten(2)
    losses, grads = [], []
    for function in (step, torch.compile(step, fullgraph=True)):
        with torch.autocast('cuda', torch.bfloat16):
            loss = function(value)
        grads.append(torch.autograd.grad(loss, linear.weight)[0])
        losses.append(loss)
    torch.testing.assert_close(*losses, rtol=1e-3, atol=0)
    error = (grads[0] - grads[1]).abs().max() / grads[0].abs().max()
    assert float(error) < 2e-2
