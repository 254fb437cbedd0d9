"""Random calls of the operators on a GPU, and what they are compared with."""

import itertools
import sys
from pathlib import Path

import torch
from reference import fused, unfused
from torch import Tensor

OPS = Path(__file__).resolve().parents[1]
NAMES = ('ms_deform_attn', 'ms_deform_attn_fused')
SHAPES = ((12, 14), (6, 7), (3, 4))
KINDS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
# Largest error, in units of the largest value of the result.
TOLERANCE = {
    torch.float32: 1e-5,
    torch.float64: 1e-12,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}


def missing() -> str:
    """Why there is nothing to test here; empty where there is."""
    if not torch.cuda.is_available():
        return 'no GPU'
    if str(OPS) not in sys.path:
        sys.path.append(str(OPS))  # the package of the checkout, unless one is installed
    try:
        import avsbench_ops  # noqa: F401
    except ImportError as error:
        return str(error)
    if not torch._C._dispatch_has_kernel_for_dispatch_key(f'avsbench::{NAMES[0]}', 'CUDA'):
        return 'avsbench_ops is built without CUDA'
    return ''


class Case:
    """Random inputs on the GPU, clear of the borders between pixels where the gradient jumps."""

    def __init__(
        self,
        kind: torch.dtype = torch.float32,
        *,
        frames: int = 2,
        queries: int = 37,
        heads: int = 4,
        dims: int = 32,
        points: int = 4,
        shapes: tuple = SHAPES,
        reference_frames: int = 1,
        seed: int = 0,
    ) -> None:
        draw = torch.Generator('cuda').manual_seed(seed)
        levels, accumulate = len(shapes), torch.promote_types(kind, torch.float32)
        options = {'generator': draw, 'device': 'cuda', 'dtype': accumulate}
        sizes = torch.tensor([(w, h) for h, w in shapes], device='cuda', dtype=accumulate)
        self.shapes = shapes
        self.flat = list(itertools.chain(*shapes))
        tokens = sum(height * width for height, width in shapes)
        self.value = torch.randn(frames, tokens, heads, dims, **options).to(kind)
        self.reference = torch.rand(reference_frames, queries, levels, 2, **options)
        centre = (self.reference[:, :, None] * sizes - 0.5)[:, :, :, :, None]
        pixels = torch.randn(frames, queries, heads, levels, points, 2, **options) * 2 + centre
        pixels = pixels.floor() + 0.02 + 0.96 * (pixels - pixels.floor())
        self.offsets = pixels - centre
        self.locations = (pixels + 0.5) / sizes[:, None]
        self.logits = torch.randn(frames, queries, heads, levels * points, **options)
        self.weights = self.logits.softmax(-1).unflatten(-1, (levels, points))
        self.grad = torch.randn(frames, queries, heads * dims, **options).to(kind)

    def tensors(self, name: str) -> list[Tensor]:
        """The operator's inputs that have a gradient."""
        if name == NAMES[0]:
            return [self.value, self.locations, self.weights]
        return [self.value, self.offsets, self.logits]

    def arguments(self, name: str, tensors: list[Tensor] | None = None) -> tuple:
        """All inputs, in the operator's order."""
        value, second, third = self.tensors(name) if tensors is None else tensors
        middle = () if name == NAMES[0] else (self.reference,)
        return value, self.flat, *middle, second, third

    def forward(self, name: str) -> Tensor:
        return operator(name)(*self.arguments(name))

    def backward(self, name: str) -> tuple[Tensor, ...]:
        return operator(f'{name}_backward')(self.grad, *self.arguments(name))

    def expected(self, name: str) -> tuple[Tensor, ...]:
        """Output and gradients in float64."""
        leaves = [tensor.double().requires_grad_() for tensor in self.tensors(name)]
        if name == NAMES[0]:
            output = unfused(leaves[0], self.shapes, *leaves[1:])
        else:
            output = fused(leaves[0], self.shapes, self.reference.double(), *leaves[1:])
        return output.detach(), *torch.autograd.grad(output, leaves, self.grad.double())


def operator(name: str):
    return getattr(torch.ops.avsbench, name)


def agree(results, expected) -> None:
    for result, exact in zip(results, expected, strict=True):
        assert result.shape == exact.shape and result.isfinite().all()
        error = (result.double() - exact).abs().max() / exact.abs().max().clamp_min(1e-30)
        assert float(error) <= TOLERANCE[result.dtype], (result.dtype, float(error))


def check(case: Case, name: str) -> None:
    agree((case.forward(name), *case.backward(name)), case.expected(name))
