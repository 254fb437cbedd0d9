"""Values and gradients of the CPU kernels, with each instruction set of this processor."""

import random

import pytest
import torch
from cases import ISAS, NAMES, REASON, assert_equal, avsbench_ops, gradient_of, make_call

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or 'built')

PYRAMID = [(9, 11), (5, 6), (3, 3)]
HALVES = (torch.bfloat16, torch.float16)


@pytest.fixture(params=ISAS)
def isa(request):
    with avsbench_ops.limit_cpu_capability(request.param) as used:
        if used != request.param:
            pytest.skip(f'this processor has no {request.param}')
        yield used


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('shared', [True, False])
def test_float32_equals_the_reference(isa: str, name: str, shared: bool) -> None:
    call = make_call(name, PYRAMID, frames=3, queries=130, heads=4, shared=shared)
    grad = gradient_of(call)
    assert_equal(call.results('run', grad), call.results('expected', grad), 1e-5)


@pytest.mark.parametrize('name', NAMES)
def test_float64_equals_the_reference(isa: str, name: str) -> None:
    call = make_call(name, PYRAMID, dtype=torch.float64)
    grad = gradient_of(call)
    assert_equal(call.results('run', grad), call.results('expected', grad), 1e-12)


@pytest.mark.parametrize('name', NAMES)
def test_gradcheck(isa: str, name: str) -> None:
    call = make_call(name, [(3, 4), (2, 1)], queries=3, dims=5, points=2, dtype=torch.float64)
    tensors = [x.requires_grad_() for x in call.tensors]
    assert torch.autograd.gradcheck(lambda *x: call.with_tensors(x).run(), tensors, fast_mode=False)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('seed', range(12))
def test_random_sizes(isa: str, name: str, seed: int) -> None:
    """Any number of levels, points, channels and heads."""
    draw = random.Random(seed)
    shapes = [(draw.randint(1, 7), draw.randint(1, 7)) for _ in range(draw.randint(1, 9))]
    call = make_call(
        name,
        shapes,
        frames=draw.randint(1, 3),
        queries=draw.randint(1, 9),
        heads=draw.randint(1, 3),
        dims=draw.choice([1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 72]),
        points=draw.randint(1, 9),
        shared=draw.random() < 0.5,
        spread=draw.choice([0.3, 2.0, 20.0]),
        seed=seed,
    )
    grad = gradient_of(call)
    assert_equal(call.results('run', grad), call.results('expected', grad), 1e-5)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('dtype', HALVES)
@pytest.mark.parametrize('dims', [32, 9])
def test_half_values_are_rounded_once(isa: str, name: str, dtype: torch.dtype, dims: int) -> None:
    """Against float64 with the same inputs, only the rounding of each result is left."""
    call = make_call(name, PYRAMID, dims=dims, queries=60)
    call = call.to(dtype, *[torch.float32] * len(call.rest))
    grad = gradient_of(call)
    ours = call.results('run', grad)
    expected = call.to(torch.float64).results('expected', grad.double())
    assert [x.dtype for x in ours] == [dtype, dtype, *[torch.float32] * len(call.rest)]
    rounding = torch.finfo(dtype).eps / 2
    for place, (a, b) in enumerate(zip(ours, expected, strict=True)):
        own = rounding if a.dtype == dtype else 0.0
        allowed = own * b.abs() + 2e-5 * b.abs().max()
        assert ((a.double() - b).abs() <= allowed).all(), place


@pytest.mark.parametrize('value_type', [torch.float32, *HALVES])
@pytest.mark.parametrize('offsets_type', [torch.float32, *HALVES])
@pytest.mark.parametrize('logits_type', HALVES)
def test_half_offsets_and_logits(value_type, offsets_type, logits_type) -> None:
    """Each of them may have a type of its own, and its gradient has the same one."""
    call = make_call('ms_deform_attn_fused', PYRAMID, queries=60)
    types = (value_type, torch.float32, offsets_type, logits_type)
    call = call.to(*types)
    # Rounding may have moved an offset onto a border between pixels.
    call.rest[1] = torch.where(call.rest[1] % 1 == 0, call.rest[1] + 0.25, call.rest[1])
    grad = gradient_of(call)
    ours = call.results('run', grad)
    expected = call.to(torch.float64).results('expected', grad.double())
    assert [x.dtype for x in ours] == [value_type, *types]
    # The gradient of the reference points is the sum of the offsets' gradients as they are.
    rounded = [value_type, value_type, offsets_type, offsets_type, logits_type]
    for a, b, dtype in zip(ours, expected, rounded, strict=True):
        assert_equal([a], [b], 1e-5 if dtype == torch.float32 else torch.finfo(dtype).eps)


def test_half_weights() -> None:
    call = make_call('ms_deform_attn', PYRAMID).to(torch.float32, torch.float32, torch.bfloat16)
    grad = gradient_of(call)
    ours = call.results('run', grad)
    expected = call.to(torch.float64).results('expected', grad.double())
    assert ours[3].dtype == torch.bfloat16
    assert_equal(ours[:3], expected[:3], 1e-5)
    assert_equal(ours[3:], expected[3:], torch.finfo(torch.bfloat16).eps)


def test_other_tensors_may_be_wider_or_narrower_than_value() -> None:
    call = make_call('ms_deform_attn_fused', PYRAMID, dtype=torch.float64)
    expected = call.expected()
    wide = call.to(torch.float32, torch.float64, torch.float64, torch.float64)
    grad = gradient_of(wide)
    results = wide.results('run', grad)
    assert [x.dtype for x in results[1:]] == [x.dtype for x in wide.tensors]
    assert_equal(results[:1], [expected], 1e-5)
    narrow = call.to(torch.float64, torch.float32, torch.float32, torch.float32)
    assert_equal([narrow.run()], [narrow.to(torch.float64).expected()], 1e-12)


@pytest.mark.parametrize('dtype', HALVES)
@pytest.mark.parametrize('weight', [1.0, 1 + 2**-9 + 2**-12, 2**-11 * 1.7])
def test_every_half_value_rounds_as_pytorch_does(isa: str, dtype: torch.dtype, weight) -> None:
    """A sample on the centre of the only pixel: its channels times the weight."""
    every = torch.arange(2**16, dtype=torch.int32).to(torch.uint16).view(dtype)
    value = every[every.isfinite()].view(1, 1, 1, -1)
    location, weights = torch.full((1, 1, 1, 1, 1, 2), 0.5), torch.full((1, 1, 1, 1, 1), weight)
    result = torch.ops.avsbench.ms_deform_attn(value, [1, 1], location, weights)
    assert torch.equal(result.flatten(), (value.float() * weights.item()).to(dtype).flatten())


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, *HALVES])
def test_not_a_number_stays_one(isa: str, dtype: torch.dtype) -> None:
    call = make_call('ms_deform_attn', [(2, 2)], frames=1, queries=1, heads=1, dims=5)
    call = call.to(dtype, *[torch.float64 if dtype == torch.float64 else torch.float32] * 2)
    call.value[0, :, 0, 3] = float('nan')
    call.rest[0].fill_(0.5)
    assert call.run().isnan().flatten().tolist() == [False, False, False, True, False]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(
    'bad',
    [
        (float('nan'), 0.5),
        (0.5, float('nan')),
        (float('inf'), 0.5),
        (0.5, -float('inf')),
        (1e30, 0.5),
        (-3e9, 3e9),
        (-0.125, 0.5),  # one pixel from the first centre: weight 0 on a pixel inside
        (1.125, 0.5),
        (0.5, 1 + 1 / 6),
    ],
)
def test_odd_locations_do_as_grid_sample_does(isa: str, dtype: torch.dtype, bad) -> None:
    call = make_call('ms_deform_attn', [(3, 4)], frames=1, queries=3, points=2, dtype=dtype)
    call.rest[0][0, 1, :, 0, 1] = torch.tensor(bad, dtype=dtype)
    grad = gradient_of(call)
    for ours, expected in zip(
        call.results('run', grad), call.results('expected', grad), strict=True
    ):
        torch.testing.assert_close(ours, expected, equal_nan=True, rtol=1e-4, atol=1e-5)


def test_odd_offsets_and_logits_do_as_pytorch_does(isa: str) -> None:
    infinity = float('inf')
    call = make_call('ms_deform_attn_fused', PYRAMID, queries=6)
    offsets, logits = call.rest[1:]
    offsets[0, 0, 0, 1, 2, 0] = float('nan')
    offsets[0, 1, 1, 0, 0, 1] = 1e9
    logits[0, 2, 0, :5] = -infinity
    logits[0, 3, 0] = -infinity
    logits[0, 4, 1, 7] = infinity
    logits[1, 5, 0, 3] = float('nan')
    logits[1, 0] *= 100
    grad = gradient_of(call)
    for ours, expected in zip(
        call.results('run', grad), call.results('expected', grad), strict=True
    ):
        torch.testing.assert_close(ours, expected, equal_nan=True, rtol=1e-4, atol=1e-4)


def test_infinite_value_reaches_only_the_samples_that_touch_it(isa: str) -> None:
    call = make_call('ms_deform_attn', [(3, 3), (2, 2)], frames=1, queries=40, heads=1, spread=3)
    call.value[0, 0] = float('inf')
    torch.testing.assert_close(call.run(), call.expected(), equal_nan=True, rtol=1e-4, atol=1e-5)
    assert call.run().isfinite().any()


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(('frames', 'queries'), [(0, 3), (2, 0), (0, 0)])
def test_nothing_to_do(name: str, frames: int, queries: int) -> None:
    call = make_call(name, PYRAMID, frames=frames, queries=queries)
    results = call.results('run', gradient_of(call))
    assert_equal(results, call.results('expected', gradient_of(call)), 0)
    assert not results[1].any()


@pytest.mark.parametrize('name', NAMES)
def test_any_strides(isa: str, name: str) -> None:
    call = make_call(name, PYRAMID, queries=20)
    grad = gradient_of(call)
    expected = call.results('run', grad)
    turned = call.with_tensors([x.mT.contiguous().mT for x in call.tensors])
    assert not any(x.is_contiguous() for x in turned.tensors)
    assert all(map(torch.equal, turned.results('run', grad), expected))
    wide = call.with_tensors(
        [torch.stack([x, torch.full_like(x, float('nan'))], -1)[..., 0] for x in call.tensors]
    )
    assert all(map(torch.equal, wide.results('run', grad), expected))
    same = torch.ones(()).expand_as(grad)
    assert_equal(call.results('run', same), call.results('expected', same), 1e-5)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_same_bits_for_any_number_of_threads(isa: str, name: str, dtype: torch.dtype) -> None:
    call = make_call(name, PYRAMID, frames=1, queries=700, heads=3)
    call = call.to(dtype, *[torch.float32] * len(call.rest))
    grad, before, results = gradient_of(call), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 8, 1):
            torch.set_num_threads(threads)
            results.append(call.results('run', grad))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(map(torch.equal, other, results[0]))


@pytest.mark.parametrize('name', NAMES)
def test_each_frame_is_alone(isa: str, name: str) -> None:
    """The last query's vectors, read past the tensor's end, change nothing: bits are the same."""
    call = make_call(name, PYRAMID, frames=3, queries=5, points=3, dims=13, shared=False)
    grad = gradient_of(call)
    together = call.results('run', grad)
    for frame in range(3):
        one = call.with_tensors([x[frame : frame + 1] for x in call.tensors])
        alone = one.results('run', grad[frame : frame + 1])
        for a, b in zip(alone, together, strict=True):
            assert torch.equal(a, b[frame : frame + 1])


def test_shared_reference_points_collect_the_gradients_of_all_frames() -> None:
    call = make_call('ms_deform_attn_fused', PYRAMID, frames=3)
    copies = call.with_tensors(
        [call.value, call.rest[0].expand(3, -1, -1, -1).contiguous(), *call.rest[1:]]
    )
    grad = gradient_of(call)
    one, each = call.results('run', grad)[2], copies.results('run', grad)[2]
    torch.testing.assert_close(one, each.sum(0, keepdim=True))


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    call = make_call('ms_deform_attn_fused', PYRAMID)
    call.value.requires_grad_()
    call.run().sum().backward()
    assert call.value.grad is not None
    assert [x.grad for x in call.rest] == [None] * 3


@pytest.mark.parametrize('isa_name', ISAS)
def test_limit_of_the_instruction_set(isa_name: str) -> None:
    before = avsbench_ops.cpu_capability()
    with avsbench_ops.limit_cpu_capability(isa_name) as used:
        assert used == avsbench_ops.cpu_capability()
        assert ISAS.index(used) >= ISAS.index(isa_name)
    assert avsbench_ops.cpu_capability() == before
