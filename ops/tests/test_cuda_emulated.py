"""The CUDA kernels' own sources, compiled for the host and run thread by thread on an emulator.

No GPU is needed: lane mapping, indices, warp-wide sums and the order of additions are those of the
GPU. The emulator watches every access (AddressSanitizer), fills shared memory and results with
NaN, and runs the threads in a random order between the points where a warp meets.
"""

import itertools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from reference import fused, unfused
from torch import Tensor

OPS = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
KINDS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
# Rounding of the result (or of a gradient), in units of the largest value of it.
TOLERANCE = {
    torch.float32: 1e-5,
    torch.float64: 1e-12,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}

pytestmark = pytest.mark.skipif(
    sys.platform != 'linux' or shutil.which('g++') is None, reason='no g++ on Linux'
)


@pytest.fixture(scope='session')
def emulator(tmp_path_factory) -> Path:
    """The emulator with the kernels, built with the address sanitizer."""
    sanitizer = subprocess.run(
        ['g++', '-print-file-name=libasan.so'], capture_output=True, text=True, check=True
    )
    if not Path(sanitizer.stdout.strip()).is_absolute():
        pytest.skip('g++ has no address sanitizer')
    program = tmp_path_factory.mktemp('emulator') / 'emulator'
    torch_include = Path(torch.__file__).parent / 'include'
    folders = (torch_include, OPS / 'csrc' / 'cuda', HERE / 'emulator')
    subprocess.run(
        ['g++', '-std=c++17', '-O1', '-g1', '-fsanitize=address,undefined']
        + ['-fno-sanitize-recover=all', '-Wno-unknown-pragmas']
        + [f'-I{folder}' for folder in folders]
        + [str(HERE / 'emulator' / 'main.cpp'), '-o', str(program)],
        check=True,
    )
    return program


@dataclass
class Case:
    """One call; tensors as the operators take them, `scores` flat over levels and points."""

    kind: torch.dtype = torch.float32
    positions_kind: torch.dtype | None = None
    scores_kind: torch.dtype | None = None
    offsets: bool = True
    shared_reference: bool = True
    frames: int = 2
    heads: int = 2
    dims: int = 32
    queries: int = 9
    points: int = 4
    shapes: tuple = ((5, 6), (3, 3), (1, 2))
    spread: float = 2.0
    seed: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draw = torch.Generator().manual_seed(self.seed)
        levels = len(self.shapes)
        tokens = sum(h * w for h, w in self.shapes)
        accumulate = torch.float64 if self.kind == torch.float64 else torch.float32
        positions_kind = self.positions_kind or accumulate
        rows = (self.frames, self.queries, self.heads)
        positions = torch.randn(*rows, levels, self.points, 2, generator=draw) * self.spread
        scores = torch.randn(*rows, levels * self.points, generator=draw)
        frames = 1 if self.shared_reference else self.frames
        reference = torch.rand(frames, self.queries, levels, 2, generator=draw)
        if not self.offsets:
            sizes = torch.tensor([(w, h) for h, w in self.shapes])
            positions = reference[:, :, None, :, None] + positions / sizes[:, None]
            scores = scores.softmax(-1)
        self.tensors = {
            'value': torch.randn(self.frames, tokens, self.heads, self.dims, generator=draw).to(
                self.kind
            ),
            'positions': positions.to(positions_kind),
            'scores': scores.to(self.scores_kind or accumulate),
            'reference': reference.to(accumulate),
            'grad_output': torch.randn(
                self.frames, self.queries, self.heads * self.dims, generator=draw
            ).to(self.kind),
        }

    def run(self, emulator: Path, folder: Path, *, backward: bool, seed: int = 0) -> list[Tensor]:
        """The emulated kernels' output, or the gradients of value, positions and scores."""
        value, positions = self.tensors['value'], self.tensors['positions']
        scores = self.tensors['scores']
        accumulate = self.tensors['reference'].dtype
        numbers = [backward, KINDS.index(self.kind), positions.dtype == accumulate]
        numbers += [scores.dtype == accumulate, len(self.tensors['reference']) == 1, self.offsets]
        numbers += [self.frames, value.shape[1], self.heads, self.dims, self.queries]
        numbers += [len(self.shapes), self.points, seed, *itertools.chain(*self.shapes)]
        names = ['value', 'positions', 'scores']
        names += ['reference'] * self.offsets + ['grad_output'] * backward
        call, result = folder / 'case', folder / 'result'
        call.write_bytes(
            np.array(numbers, dtype=np.int64).tobytes()
            + b''.join(_bytes(self.tensors[name]) for name in names)
        )
        done = subprocess.run(
            [str(emulator), str(call), str(result)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'},
        )
        assert done.returncode == 0, done.stderr
        shaped = (value, positions, scores) if backward else (self.tensors['grad_output'],)
        data = memoryview(bytearray(result.read_bytes()))
        tensors = []
        for like in shaped:
            size = like.numel() * like.element_size()
            tensors.append(torch.frombuffer(data[:size], dtype=like.dtype).view(like.shape))
            data = data[size:]
        assert not data
        return tensors

    def expected(self, *, backward: bool) -> list[Tensor]:
        """The same by grid_sample and autograd in float64."""
        tensors = {name: tensor.double() for name, tensor in self.tensors.items()}
        names = ('value', 'positions', 'scores')
        value, positions, scores = (tensors[name].requires_grad_() for name in names)
        if self.offsets:
            output = fused(value, self.shapes, tensors['reference'], positions, scores)
        else:
            weights = scores.unflatten(-1, (len(self.shapes), self.points))
            output = unfused(value, self.shapes, positions, weights)
        if not backward:
            return [output.detach()]
        return list(torch.autograd.grad(output, (value, positions, scores), tensors['grad_output']))


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def check(case: Case, emulator: Path, folder: Path, **options) -> None:
    """Forward and backward of the case against float64."""
    for backward in (False, True):
        results = case.run(emulator, folder, backward=backward, **options)
        for result, expected in zip(results, case.expected(backward=backward), strict=True):
            assert result.isfinite().all()
            error = float((result.double() - expected).abs().max())
            assert error <= TOLERANCE[result.dtype] * (float(expected.abs().max()) or 1.0)


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.parametrize('offsets', [True, False], ids=['fused', 'unfused'])
def test_kinds(emulator, tmp_path, kind, offsets):
    check(Case(kind=kind, offsets=offsets, shared_reference=False), emulator, tmp_path)


@pytest.mark.parametrize('kind', [torch.float16, torch.bfloat16], ids=str)
def test_half_offsets_and_logits(emulator, tmp_path, kind):
    check(Case(kind=kind, positions_kind=kind, scores_kind=kind), emulator, tmp_path)
    check(Case(kind=kind, scores_kind=kind, offsets=False), emulator, tmp_path)


@pytest.mark.parametrize('dims', [1, 3, 4, 8, 16, 20, 33, 36, 64, 72, 96, 140])
@pytest.mark.parametrize('kind', [torch.float32, torch.float16], ids=str)
def test_head_widths(emulator, tmp_path, kind, dims):
    """Packs and single channels, 4 to 16 lanes, idle lanes, several rounds and chunks."""
    check(Case(kind=kind, dims=dims, queries=3, heads=1), emulator, tmp_path)


@pytest.mark.parametrize('points', [1, 2, 3, 4, 5, 7, 8, 32])
def test_numbers_of_points(emulator, tmp_path, points):
    check(Case(points=points, queries=11, heads=1, dims=8), emulator, tmp_path)


@pytest.mark.parametrize(
    'shapes', [((1, 1),), ((1, 40),), ((40, 1),), ((2, 2),) * 16, ((1, 1), (9, 9))], ids=str
)
def test_level_shapes(emulator, tmp_path, shapes):
    check(Case(shapes=shapes, points=2, heads=1), emulator, tmp_path)


def test_more_queries_than_a_block_holds(emulator, tmp_path):
    case = Case(queries=70, heads=1, frames=1, points=2)
    check(case, emulator, tmp_path)
    check(Case(queries=70, heads=2, frames=1, points=2, kind=torch.bfloat16), emulator, tmp_path)


def test_smaller_blocks_where_the_samples_need_the_memory(emulator, tmp_path):
    """96 samples a query leave room for few queries in a block's shared memory."""
    case = Case(points=32, queries=6, dims=4, heads=1, frames=1)
    check(case, emulator, tmp_path)
    wide = Case(points=32, queries=6, dims=2, heads=1, frames=1, kind=torch.float64)
    check(wide, emulator, tmp_path)


def test_far_outside(emulator, tmp_path):
    check(Case(spread=40.0), emulator, tmp_path)
    check(Case(spread=1e9), emulator, tmp_path)


def test_exact_border(emulator, tmp_path):
    """Pixel centres, the edges and what lies just beyond: grid_sample's side of each derivative."""
    steps = torch.tensor([-0.75, -0.5, 0.0, 0.5, 1.5, 3.5, 4.0, 4.5, 4.75])
    case = Case(shapes=((4, 4),), queries=len(steps) ** 2, heads=1, frames=1, points=1, dims=4)
    case.tensors['reference'].zero_()
    case.tensors['positions'][0, :, 0, 0, 0] = torch.cartesian_prod(steps, steps)
    check(case, emulator, tmp_path)


def test_more_cells_than_counters(emulator, tmp_path):
    """The sort goes over a level's samples once for each part of the cells."""
    case = Case(shapes=((70, 75), (2, 1)), queries=40, heads=1, frames=1, dims=4, spread=20.0)
    check(case, emulator, tmp_path)


@pytest.mark.slow
def test_more_samples_than_16_bits_count(emulator, tmp_path):
    """All in one cell, and in the parts of the cells that wider counters make of a level."""
    shape = dict(queries=2050, points=32, heads=1, frames=1, dims=1)
    case = Case(shapes=((40, 45),), kind=torch.float64, **shape)
    case.tensors['reference'].fill_(0.51)  # clear of the borders between pixels
    case.tensors['positions'][:, 5:].div_(1e6)
    check(case, emulator, tmp_path)


def test_warps_of_the_sort(emulator, tmp_path):
    """Samples for one warp, for some, and for several rounds of all."""
    for queries in (1, 8, 9, 31, 64, 65, 130):
        case = Case(queries=queries, shapes=((3, 4),), heads=1, frames=1, dims=2, spread=1.0)
        check(case, emulator, tmp_path)


@pytest.mark.parametrize('kind', KINDS, ids=str)
def test_levels_and_points_that_are_compiled_in(emulator, tmp_path, kind):
    """Three levels of four points have kernels of their own, which agree with the others."""
    case = Case(kind=kind, queries=7, points=4, shapes=((5, 6), (3, 3), (1, 2)))
    check(case, emulator, tmp_path)
    more = Case(kind=kind, queries=7, points=4, shapes=((5, 6), (3, 3), (1, 2), (1, 1)))
    for name in ('value', 'positions', 'scores', 'reference'):
        more.tensors[name] = more.tensors[name].clone()
    tokens = case.tensors['value'].shape[1]
    more.tensors['value'][:, :tokens] = case.tensors['value']
    more.tensors['grad_output'] = case.tensors['grad_output']
    more.tensors['positions'][:, :, :, :3] = case.tensors['positions']
    more.tensors['reference'][:, :, :3] = case.tensors['reference']
    more.tensors['scores'][..., :12] = case.tensors['scores']
    more.tensors['scores'][..., 12:] = -1e4  # weights of 0: the fourth level adds nothing
    for backward in (False, True):
        few = case.run(emulator, tmp_path, backward=backward)
        many = more.run(emulator, tmp_path, backward=backward)
        cuts = [(slice(None), slice(tokens)), (..., slice(3), slice(None), slice(None))]
        cuts = [*cuts, (..., slice(12))] if backward else [...]
        for a, b, cut in zip(few, many, cuts, strict=True):
            torch.testing.assert_close(a, b[cut], rtol=1e-5, atol=1e-5)


def test_division(tmp_path):
    """Quotients by a number that the host knows, around each multiple of it, up to 2^31 - 1."""
    source, program = tmp_path / 'division.cpp', tmp_path / 'division'
    source.write_text(
        """#include <initializer_list>
        #include "divisor.h"
        int main() {
          const int64_t most = 0x7fffffff;
          for (int64_t by : {1L, 2L, 3L, 5L, 7L, 8L, 12L, 641L, 65535L, 65536L, 65537L, 715827882L,
                             1073741823L, 1073741824L, 1073741825L, most - 1, most}) {
            const auto divisor = avsbench::cuda::divisor_of(static_cast<int>(by));
            for (int64_t i = 0; i <= 300000; ++i) {
              for (int64_t number : {i, most - i, i * by, i * by - 1, most / by * by - i}) {
                if (number < 0 || number > most) continue;
                if (divisor.quotient(static_cast<int>(number)) != number / by) return 1;
              }
            }
          }
        }"""
    )
    flags = ['-std=c++17', '-O1', f'-I{OPS / "csrc" / "cuda"}']
    subprocess.run(['g++', *flags, str(source), '-o', str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0


def test_order_of_threads_does_not_matter(emulator, tmp_path):
    case = Case(queries=12, spread=1.0, kind=torch.bfloat16)
    for backward in (False, True):
        runs = [case.run(emulator, tmp_path, backward=backward, seed=seed) for seed in range(3)]
        for other in runs[1:]:
            for a, b in zip(runs[0], other, strict=True):
                assert torch.equal(a.view(torch.uint8), b.view(torch.uint8))


def test_all_samples_on_one_pixel(emulator, tmp_path):
    """Every sample waits in the same band's queue; the sums meet in one token."""
    case = Case(queries=50, heads=1, frames=1, spread=0.01)
    case.tensors['reference'].fill_(0.5)
    check(case, emulator, tmp_path)


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_bad_positions(emulator, tmp_path, bad):
    """As grid_sample: NaN where it is sampled, and nowhere else."""
    case = Case(queries=5)
    case.tensors['positions'][1, 2, 0, 1, 3, 0] = bad
    (output,) = case.run(emulator, tmp_path, backward=False)
    touched = torch.zeros_like(output, dtype=torch.bool).view(2, 5, 2, 32)
    touched[1, 2, 0] = True
    assert torch.equal(output.isnan(), touched.flatten(2))
    value, positions, scores = case.run(emulator, tmp_path, backward=True)
    assert value.isfinite().all()
    where = positions.isnan().nonzero().tolist()
    assert where == [[1, 2, 0, 1, 3, 1]]  # dx weighs the rows with y alone
    assert torch.equal(scores.isnan(), touched[..., :12])


def test_infinite_value_stays_where_it_is_sampled(emulator, tmp_path):
    case = Case(queries=6, heads=1, frames=1, spread=0.2, shapes=((6, 6),))
    case.tensors['reference'].fill_(0.25)
    case.tensors['value'][0, -1] = float('inf')
    (output,) = case.run(emulator, tmp_path, backward=False)
    assert output.isfinite().all()
