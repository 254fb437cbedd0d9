"""Checks of operators.cpp over the emulated kernels: tensors in, tensors out.

python operators.py LIBRARY

The library registers the operators' CUDA kernels; they are called with tensors in the host's
memory. It holds the operators' schemas too, so this runs in a process without the real library.
"""

import itertools
import sys
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference import fused, unfused  # noqa: E402

CUDA = torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA)
SHAPES = ((4, 5), (2, 3))
FLAT = list(itertools.chain(*SHAPES))
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


def call(name: str, *arguments):
    """The CUDA kernel of an operator, whatever device the tensors are on."""
    return getattr(torch.ops.avsbench, name).default.redispatch(CUDA, *arguments)


def inputs(frames: int = 2, queries: int = 5, dims: int = 8, reference_frames: int = 1):
    """Value, reference points, offsets, logits and the output's gradient."""
    draw = torch.Generator().manual_seed(3)
    tokens, heads, levels, points = sum(h * w for h, w in SHAPES), 2, len(SHAPES), 3
    return (
        torch.randn(frames, tokens, heads, dims, generator=draw),
        torch.rand(reference_frames, queries, levels, 2, generator=draw),
        torch.randn(frames, queries, heads, levels, points, 2, generator=draw),
        torch.randn(frames, queries, heads, levels * points, generator=draw),
        torch.randn(frames, queries, heads * dims, generator=draw),
    )


def unfused_inputs(frames: int = 2):
    """Value, locations, weights and the output's gradient."""
    value, _, offsets, logits, grad = inputs(frames)
    locations = torch.sigmoid(offsets) * 1.2 - 0.1
    return value, locations, logits.softmax(-1).unflatten(-1, offsets.shape[3:5]), grad


def agree(results, expected) -> None:
    results = (results,) if isinstance(results, Tensor) else results
    for result, exact in zip(results, expected, strict=True):
        error = float((result.double() - exact).abs().max()) / float(exact.abs().max())
        assert error <= TOLERANCE[result.dtype], (result.dtype, error)


def exact_fused(value, reference, offsets, logits, grad):
    leaves = [tensor.double().requires_grad_() for tensor in (value, offsets, logits)]
    output = fused(leaves[0], SHAPES, reference.double(), *leaves[1:])
    return output, torch.autograd.grad(output, leaves, grad.double())


def check_fused_types() -> None:
    full, half, brain, double = torch.float32, torch.float16, torch.bfloat16, torch.float64
    for kinds in (
        (full, full, full, full),
        (full, half, brain, full),
        (half, half, half, full),
        (brain, full, brain, full),
        (brain, half, full, double),
        (double, double, double, double),
        (double, full, half, full),
    ):
        value, reference, offsets, logits, grad = inputs()
        value, grad = value.to(kinds[0]), grad.to(kinds[0])
        offsets, logits, reference = (
            tensor.to(kind)
            for tensor, kind in zip((offsets, logits, reference), kinds[1:], strict=True)
        )
        output, grads = exact_fused(value, reference, offsets, logits, grad)
        got = call('ms_deform_attn_fused', value, FLAT, reference, offsets, logits)
        assert got.dtype == kinds[0] and got.shape == output.shape
        agree(got, (output,))
        results = call(
            'ms_deform_attn_fused_backward', grad, value, FLAT, reference, offsets, logits
        )
        assert [result.dtype for result in results] == list(kinds[:3])
        assert [result.shape for result in results] == [value.shape, offsets.shape, logits.shape]
        agree(results, grads)


def check_unfused() -> None:
    for kind in TOLERANCE:
        for weights_kind in (torch.float32, kind):
            value, locations, weights, grad = unfused_inputs()
            value, grad, weights = value.to(kind), grad.to(kind), weights.to(weights_kind)
            leaves = [tensor.double().requires_grad_() for tensor in (value, locations, weights)]
            output = unfused(leaves[0], SHAPES, *leaves[1:])
            grads = torch.autograd.grad(output, leaves, grad.double())
            agree(call('ms_deform_attn', value, FLAT, locations, weights), (output,))
            results = call('ms_deform_attn_backward', grad, value, FLAT, locations, weights)
            assert [result.shape for result in results] == [leaf.shape for leaf in leaves]
            agree(results, grads)


def check_reference_points_of_each_frame() -> None:
    tensors = inputs(frames=3, reference_frames=3)
    output, _ = exact_fused(*tensors)
    value, reference, offsets, logits, _ = tensors
    agree(call('ms_deform_attn_fused', value, FLAT, reference, offsets, logits), (output,))


def check_layouts() -> None:
    """Strided, expanded and unaligned tensors give what dense ones give."""
    value, reference, offsets, logits, grad = inputs()
    grad = grad[:1, :1].expand_as(grad)
    output, grads = exact_fused(value, reference, offsets, logits, grad)

    def strided(tensor: Tensor) -> Tensor:
        return tensor.transpose(0, 1).contiguous().transpose(0, 1)

    def unaligned(tensor: Tensor) -> Tensor:
        storage = torch.empty(tensor.numel() + 1)
        view = storage[1:].view(tensor.shape)
        view.copy_(tensor)
        assert view.data_ptr() % 16
        return view

    for change in (strided, unaligned):
        changed = [change(tensor) for tensor in (value, reference, offsets, logits)]
        given = (changed[0], FLAT, *changed[1:])
        agree(call('ms_deform_attn_fused', *given), (output,))
        agree(call('ms_deform_attn_fused_backward', grad, *given), grads)


def check_nothing_to_do() -> None:
    for frames, queries in ((0, 5), (2, 0), (0, 0)):
        value, reference, offsets, logits, grad = inputs(frames, queries)
        given = (value, FLAT, reference, offsets, logits)
        assert call('ms_deform_attn_fused', *given).shape == (frames, queries, 16)
        results = call('ms_deform_attn_fused_backward', grad, *given)
        for result, like in zip(results, (value, offsets, logits), strict=True):
            assert result.shape == like.shape and not result.any()


def check_limits() -> None:
    value, _, _, _, _ = inputs()
    locations = torch.zeros(2, 5, 2, 2, 49, 2)
    refused('at most 16 levels and 96', 'ms_deform_attn', value, FLAT, locations, locations[..., 0])
    many = torch.zeros(1, 1, 1, 17, 1, 2)
    levels = (torch.zeros(1, 17, 1, 1), [1, 1] * 17, many, many[..., 0])
    refused('at most 16 levels and 96', 'ms_deform_attn', *levels)
    one = torch.zeros(1, 1, 1, 1, 1, 2)
    huge = torch.zeros(1).expand(1, 2**27, 1, 1)
    refused('tokens', 'ms_deform_attn', huge, [2**13, 2**14], one, one[..., 0])
    wide = torch.zeros(1).expand(1, 1, 2**15, 2**14), [1, 1]
    heads = torch.zeros(1).expand(1, 1, 2**15, 1, 1, 2)
    refused('bytes', 'ms_deform_attn', *wide, heads, heads[..., 0])
    # The output would have 2^51 bytes: refused before it is allocated.
    heads = heads.expand(1, 2**20, 2**15, 1, 1, 2)
    refused('bytes', 'ms_deform_attn', *wide, heads, heads[..., 0])
    row = torch.zeros(1, 1, 8, 1), [1, 1]
    queries = torch.zeros(1).expand(1, 2**25, 8, 1, 1, 2)
    refused('bytes', 'ms_deform_attn', *row, queries, queries[..., 0])


def refused(text: str, *arguments) -> None:
    try:
        call(*arguments)
    except ValueError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f'accepted, expected: {text}')


if __name__ == '__main__':
    torch.ops.load_library(sys.argv[1])
    for name, check in list(globals().items()):
        if name.startswith('check_'):
            check()
            print(name, flush=True)
