"""Bad input: one error that names the argument, what it is and what is expected."""

import pytest
import torch
from cases import NAMES, REASON, gradient_of, make_call, operator

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or 'built')

SHAPES = [(4, 5), (2, 3)]
HUGE = 2**31


@pytest.fixture
def calls() -> dict:
    return {name: make_call(name, SHAPES, dims=4, points=2) for name in NAMES}


def arguments(call) -> dict:
    """{name in the schema: argument}."""
    names = [argument.name for argument in operator(call.name)._schema.arguments]
    return dict(zip(names, call.arguments, strict=True))


def with_levels(*sizes: int):
    return lambda x: list(sizes)


CASES = [
    # operator, argument, how it is spoilt, error, words of the message
    ('', 'value', lambda x: x[0], RuntimeError, 'shape [26, 2, 4], expected (N, S, M, D)'),
    ('', 'value', lambda x: x[..., :0], RuntimeError, 'value has shape [2, 26, 2, 0]'),
    ('', 'value', lambda x: x.to(torch.int32), TypeError, 'value has dtype Int'),
    ('', 'value', lambda x: x.to(torch.complex64), TypeError, 'value has dtype ComplexFloat'),
    ('', 'spatial_shapes', with_levels(), RuntimeError, 'spatial_shapes is []'),
    ('', 'spatial_shapes', with_levels(4, 5, 6), RuntimeError, 'spatial_shapes is [4, 5, 6]'),
    ('', 'spatial_shapes', with_levels(4, 5, 2, 4), RuntimeError, 'sum to 28 tokens, expected'),
    ('', 'spatial_shapes', with_levels(4, 5, 0, 3), ValueError, 'expected sizes of at least 1'),
    ('', 'spatial_shapes', with_levels(-4, -5, 2, 3), ValueError, 'expected sizes of at least 1'),
    ('', 'spatial_shapes', with_levels(HUGE, 1), ValueError, 'at most 2147483647 tokens'),
    ('', 'spatial_shapes', with_levels(2**62, 4), ValueError, 'at most 2147483647 tokens'),
    ('', 'spatial_shapes', with_levels(26, 1), RuntimeError, 'expected (N=2, Q, M=2, L=1, P, 2'),
    ('c', 'sampling_locations', lambda x: x[:1], RuntimeError, 'sampling_locations has shape [1,'),
    ('c', 'sampling_locations', lambda x: x[..., :1], RuntimeError, 'sampling_locations has shape'),
    ('c', 'sampling_locations', lambda x: x[:, :, :, :, :0], RuntimeError, 'P at least 1'),
    ('c', 'sampling_locations', torch.Tensor.bfloat16, TypeError, 'sampling_locations has dtype B'),
    ('c', 'sampling_locations', torch.Tensor.half, TypeError, 'expected float32 or float64'),
    (
        'c',
        'attention_weights',
        lambda x: x.flatten(3),
        RuntimeError,
        'attention_weights has shape [',
    ),
    ('c', 'attention_weights', lambda x: x[:, :5], RuntimeError, 'Q=7, M=2, L=2, P=2)'),
    ('c', 'attention_weights', torch.Tensor.long, TypeError, 'attention_weights has dtype Long'),
    (
        'f',
        'reference_points',
        lambda x: x[:, :6],
        RuntimeError,
        'reference_points has shape [1, 6, ',
    ),
    ('f', 'reference_points', lambda x: x.expand(3, -1, -1, -1), RuntimeError, '(1 or N=2,'),
    ('f', 'reference_points', torch.Tensor.half, TypeError, 'reference_points has dtype Half'),
    ('f', 'offsets', lambda x: x[:, :, :1], RuntimeError, 'offsets has shape [2, 7, 1, 2, 2, 2]'),
    ('f', 'offsets', torch.Tensor.int, TypeError, 'offsets has dtype Int'),
    ('f', 'logits', lambda x: x[..., :3], RuntimeError, 'logits has shape [2, 7, 2, 3], expected'),
    ('f', 'logits', torch.Tensor.bool, TypeError, 'logits has dtype Bool'),
]


@pytest.mark.parametrize(('which', 'argument', 'spoil', 'error', 'words'), CASES)
@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_message(calls: dict, device: str, which, argument, spoil, error, words: str) -> None:
    names = {'': NAMES, 'c': NAMES[:1], 'f': NAMES[1:]}[which]
    for name in names:
        given = arguments(calls[name])
        given = {k: x.to(device) if isinstance(x, torch.Tensor) else x for k, x in given.items()}
        given[argument] = spoil(given[argument])
        with pytest.raises(error) as caught:
            operator(name)(**given)
        assert 'ms_deform_attn: ' in str(caught.value)
        assert words in str(caught.value)
        # The backward operator sees the same.
        grad = gradient_of(calls[name]).to(device)
        with pytest.raises(error) as caught:
            operator(f'{name}_backward')(grad, **given)
        assert words in str(caught.value)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    ('spoil', 'error', 'words'),
    [
        (lambda x: x[:, :3], RuntimeError, '[2, 3, 8], expected (N=2, Q=7, M*D=8)'),
        (lambda x: x.unflatten(-1, (2, 4)), RuntimeError, 'grad_output has shape'),
        (torch.Tensor.double, TypeError, 'grad_output has dtype Double, expected Float'),
    ],
)
def test_gradient_of_the_output(calls: dict, name: str, spoil, error, words: str) -> None:
    grad = spoil(gradient_of(calls[name]))
    with pytest.raises(error) as caught:
        operator(f'{name}_backward')(grad, *calls[name].arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize('name', NAMES)
def test_mixed_devices(calls: dict, name: str) -> None:
    """A tensor without data stands for another device; the operators' own rule for it is called."""
    call = calls[name]
    for place in range(1, len(call.tensors)):
        tensors = [x.to('meta') for x in call.tensors]
        tensors[place] = call.tensors[place]
        with pytest.raises(RuntimeError, match=r'is on cpu, expected meta, where value is'):
            call.with_tensors(tensors).run()


@pytest.mark.parametrize('name', NAMES)
def test_sizes_past_an_int32(name: str) -> None:
    """Refused before anything is allocated: these tensors are one number each."""
    call = make_call(name, [(1, 1)], frames=1, queries=1, heads=1, dims=1, points=1)
    height = width = 2**15
    value = torch.zeros(()).expand(1, height * width, 1, 2)
    with pytest.raises(ValueError, match='expected that an int32 counts their elements'):
        operator(name)(value, [height, width], *call.rest)
    value = torch.zeros(()).expand(1, 1, 1, 2**31)
    with pytest.raises(ValueError, match='expected that an int32 counts their elements'):
        operator(name)(value, [1, 1], *call.rest)
    last = [(1, 1, 1, 2**29)] if name.endswith('fused') else [(1, 1, 1, 1, 2**29)]
    sizes = [tuple(call.rest[0].shape)] if name.endswith('fused') else []
    sizes += [(1, 1, 1, 1, 2**29, 2), *last]
    with pytest.raises(ValueError, match='points per level'):
        operator(name)(call.value, [1, 1], *[torch.zeros(()).expand(size) for size in sizes])


def test_unknown_instruction_set() -> None:
    with pytest.raises(ValueError, match="'sse9', expected avx512, avx2 or portable"):
        torch.ops.avsbench.set_cpu_capability('sse9')
