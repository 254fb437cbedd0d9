"""Inputs of the deformable-attention benchmark, and what is called on them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from avsbench.models.layers import reference_points_of
from benchmarks.published_deform_attn import (
    Shapes,
    published_attention,
    published_fused,
    published_locations,
    published_weights,
)

HEADS, CHANNELS, POINTS, STRIDES = 8, 32, 4, (8, 16, 32)
PASSES = ('forward', 'backward', 'both', 'fused-forward', 'fused-both', 'bf16-forward')

Call = Callable[[], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Case:
    """Inputs of one size; leaves of the autograd graph are made by each pass."""

    shapes: Shapes
    value: Tensor
    reference_points: Tensor
    offsets: Tensor
    logits: Tensor
    locations: Tensor
    weights: Tensor
    grad: Tensor

    @property
    def flat(self) -> list[int]:
        """The shapes as the operator takes them."""
        return [size for shape in self.shapes for size in shape]

    def given(self) -> tuple[Tensor, ...]:
        """Inputs with locations and softmax computed before."""
        return self.value, self.locations, self.weights

    def raw(self) -> tuple[Tensor, ...]:
        """Inputs as they leave the linear layers."""
        return self.value, self.offsets, self.logits


def make_case(frames: int, size: int, device: str = 'cpu') -> Case:
    """Random inputs: offsets of two pixels, no sample on a border between pixels.

    There the derivative by the location jumps, so that two correct ways to round the location
    give different gradients.
    """
    generator = torch.Generator().manual_seed(0)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    shapes = [(size // stride, size // stride) for stride in STRIDES]
    tokens, levels = sum(h * w for h, w in shapes), len(shapes)
    reference = reference_points_of(shapes)
    sizes = torch.tensor([(w, h) for h, w in shapes], dtype=torch.float32)[
        None, None, None, :, None
    ]
    centre = reference[:, :, None, :, None] * sizes - 0.5  # in pixels
    pixels = centre + 2 * randn(frames, tokens, HEADS, levels, POINTS, 2)
    pixels = pixels.floor() + 0.02 + 0.96 * (pixels - pixels.floor())
    offsets = pixels - centre
    logits = randn(frames, tokens, HEADS, levels * POINTS)
    tensors = (
        randn(frames, tokens, HEADS, CHANNELS),
        reference,
        offsets,
        logits,
        published_locations(reference, offsets, shapes),
        published_weights(logits, levels),
        randn(frames, tokens, HEADS * CHANNELS),
    )
    return Case(shapes, *(tensor.to(device) for tensor in tensors))


def callables(case: Case, name: str) -> tuple[Callable, Callable]:
    """The published formulation and the operator, without arguments; each returns tensors."""
    operators = torch.ops.avsbench
    if name.startswith('fused'):
        inputs = case.raw()
        points = case.reference_points

        def published(value: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
            return published_fused(value, case.shapes, points, offsets, logits)

        def ours(value: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
            return operators.ms_deform_attn_fused(value, case.flat, points, offsets, logits)

    else:
        inputs = case.given()

        def published(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            return published_attention(value, case.shapes, locations, weights)

        def ours(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            return operators.ms_deform_attn(value, case.flat, locations, weights)

    if name == 'bf16-forward':
        half = case.value.bfloat16(), *inputs[1:]
        return _forward(published, inputs), _forward(ours, half)
    make = {'forward': _forward, 'backward': _backward, 'both': _both}[name.removeprefix('fused-')]
    return make(published, inputs, case.grad), make(ours, inputs, case.grad)


def _forward(function: Callable, inputs: tuple[Tensor, ...], grad: Tensor | None = None):
    @torch.no_grad()
    def call() -> tuple[Tensor, ...]:
        return (function(*inputs),)

    return call


def _backward(function: Callable, inputs: tuple[Tensor, ...], grad: Tensor):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    out = function(*leaves)
    return lambda: torch.autograd.grad(out, leaves, grad, retain_graph=True)


def _both(function: Callable, inputs: tuple[Tensor, ...], grad: Tensor):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]

    def call() -> tuple[Tensor, ...]:
        out = function(*leaves)
        return (out.detach(), *torch.autograd.grad(out, leaves, grad))

    return call


def moved_bytes(case: Case, name: str) -> int:
    """Bytes that must be read and written at least once."""
    inputs = case.raw() if name.startswith('fused') else case.given()
    read = sum(tensor.nbytes for tensor in inputs)
    forward, backward = read + case.grad.nbytes, 2 * read + case.grad.nbytes
    if name == 'bf16-forward':
        return forward - case.value.nbytes // 2 - case.grad.nbytes // 2
    return {'forward': forward, 'backward': backward, 'both': forward + backward}[
        name.removeprefix('fused-')
    ]
