"""Random calls of the operators, and what they are compared with."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from reference import fused, unfused
from torch import Tensor

OPS = Path(__file__).resolve().parents[1]
ISAS = ('avx512', 'avx2', 'portable')
NAMES = ('ms_deform_attn', 'ms_deform_attn_fused')

if str(OPS) not in sys.path:
    sys.path.append(str(OPS))  # the package of the checkout, unless one is installed

try:
    import avsbench_ops

    REASON = ''
except ImportError as error:
    avsbench_ops = None
    REASON = str(error)


def operator(name: str) -> Callable:
    return getattr(torch.ops.avsbench, name).default


@dataclass
class Call:
    """Arguments of one operator: value, shapes and the rest in the order of the schema."""

    name: str
    value: Tensor
    shapes: list[tuple[int, int]]
    rest: list[Tensor]

    @property
    def flat(self) -> list[int]:
        return [size for shape in self.shapes for size in shape]

    @property
    def tensors(self) -> list[Tensor]:
        return [self.value, *self.rest]

    @property
    def arguments(self) -> tuple:
        return (self.value, self.flat, *self.rest)

    def with_tensors(self, tensors: Sequence[Tensor]) -> 'Call':
        return Call(self.name, tensors[0], self.shapes, list(tensors[1:]))

    def to(self, *types: torch.dtype) -> 'Call':
        """Tensors in these types, one for all or one for each."""
        types = types * len(self.tensors) if len(types) == 1 else types
        return self.with_tensors(
            [x.detach().to(dtype) for x, dtype in zip(self.tensors, types, strict=True)]
        )

    def run(self) -> Tensor:
        return operator(self.name)(*self.arguments)

    def expected(self) -> Tensor:
        formula = fused if self.name.endswith('fused') else unfused
        return formula(self.value, self.shapes, *self.rest)

    def results(self, how: str, grad: Tensor) -> list[Tensor]:
        """Output and the gradients of all tensors, by `run` or `expected`."""
        call = self.with_tensors([x.detach().requires_grad_() for x in self.tensors])
        output = getattr(call, how)()
        return [output.detach(), *torch.autograd.grad(output, call.tensors, grad)]


def make_call(
    name: str,
    shapes: list[tuple[int, int]],
    *,
    frames: int = 2,
    queries: int = 7,
    heads: int = 2,
    dims: int = 32,
    points: int = 4,
    shared: bool = True,
    spread: float = 1.5,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Call:
    """Samples around the image, many of them outside, and none on a border between two pixels.

    There the derivative by the location jumps: two correct roundings give different gradients.
    """
    generator = torch.Generator().manual_seed(seed)

    def rand(*size: int) -> Tensor:
        return torch.rand(*size, generator=generator, dtype=torch.float64)

    def randn(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    levels, tokens = len(shapes), sum(h * w for h, w in shapes)
    sizes = torch.tensor([(w, h) for h, w in shapes], dtype=torch.float64)[:, None]
    value = randn(frames, tokens, heads, dims)
    reference = rand(1 if shared else frames, queries, levels, 2)
    reference = 1.4 * reference - 0.2
    centre = reference[:, :, None, :, None] * sizes - 0.5
    pixels = centre + spread * randn(frames, queries, heads, levels, points, 2)
    pixels = pixels.floor() + 0.05 + 0.9 * (pixels - pixels.floor())
    if name == 'ms_deform_attn_fused':
        rest = [reference, pixels - centre, randn(frames, queries, heads, levels * points)]
    else:
        rest = [(pixels + 0.5) / sizes, randn(frames, queries, heads, levels, points)]
    return Call(name, value, shapes, rest).to(dtype)


def gradient_of(call: Call, seed: int = 1) -> Tensor:
    """A gradient of the call's output."""
    frames, queries = call.rest[-1].shape[:2]
    generator = torch.Generator().manual_seed(seed)
    grad = torch.randn(
        frames, queries, call.value.shape[2] * call.value.shape[3], generator=generator
    )
    return grad.to(call.value.dtype)


def assert_equal(ours: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    """Each tensor within `tolerance` of the largest value expected in it."""
    for place, (a, b) in enumerate(zip(ours, expected, strict=True)):
        assert a.shape == b.shape
        scale = b.abs().max().item() if b.numel() else 0.0
        difference = (a.double() - b.double()).abs().max().item() if b.numel() else 0.0
        assert difference <= tolerance * max(scale, 1e-3), (place, difference, scale)
