"""Multi-scale deformable attention: the compiled operator against the published formulation.

Forward, backward and both, with softmax and locations given or computed (`fused`), at the levels
of AVSegFormer (strides 8, 16, 32; 8 heads of 32 channels; 4 points), with the bytes that have to
be moved and the share of the measured copy bandwidth. Then what else is asked of the operator:
16-bit values, the same bits whatever the threads, memory, cost of a call, whole graphs.
"""

import argparse
import os
import statistics
import sys

from torch import Tensor

from avsbench.utils import ops
from avsbench.utils.errors import ConfigError
from benchmarks import ops_cuda
from benchmarks.harness import TUNABLES, Result, compare, exit_code, header
from benchmarks.ops_cases import PASSES, callables, make_case, moved_bytes
from benchmarks.ops_properties import check_properties, copy_bandwidth

ISAS = ('avx512', 'avx2', 'portable')
# Float32 sums in another order. 16 bit: the relative RMS error, 2.4e-3 of which is the rounding of
# values and result.
TOLERANCE = {'bf16-forward': 2.5e-3}
DEFAULT_TOLERANCE = 1e-5
# (pixels, frames): rounds shrink with the size, as the baseline takes seconds there
SIZES = ((224, 5), (224, 10), (224, 40), (512, 5), (512, 10))
# Ratios (must, stretch) to reach at 224 pixels and 5 frames, by threads and allocator.
ONE_DEFAULT = {
    'forward': (8, 29),
    'fused-forward': (None, 23),
    'backward': (None, 13),
    'fused-both': (8, 17),
    'bf16-forward': (8, 41),
}
ONE_TUNED = {
    'forward': (4, 17),
    'fused-forward': (None, 13),
    'backward': (None, 7.8),
    'fused-both': (5, 9),
    'bf16-forward': (4, 21),
}
TWO_DEFAULT = {'forward': (30, 44), 'backward': (12, 15), 'fused-both': (15, 18)}
TWO_DEFAULT_AVX2 = {'forward': (12, 14), 'backward': (8, 10)}
TWO_TUNED = {'forward': (None, 21), 'backward': (None, 9.2), 'fused-both': (None, 11)}
GOALS = {
    ('avx512', 1, 'default'): ONE_DEFAULT,
    ('avx512', 1, 'tuned'): ONE_TUNED,
    ('avx512', 2, 'default'): TWO_DEFAULT,
    ('avx512', 2, 'tuned'): TWO_TUNED,
    ('avx2', 1, 'default'): ONE_DEFAULT,
    ('avx2', 1, 'tuned'): ONE_TUNED,
    ('avx2', 2, 'default'): TWO_DEFAULT_AVX2,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--size', type=int, nargs='+', choices=(224, 512), help='pixels; all')
    parser.add_argument('--frames', type=int, nargs='+', help='default: 5 10, and 40 at 224 px')
    parser.add_argument('--passes', choices=PASSES, nargs='+', default=list(PASSES))
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument(
        '--isa',
        choices=ISAS,
        nargs='+',
        help='vector code; default: the best of this CPU, then AVX2 at the smallest size',
    )
    parser.add_argument(
        '--device', choices=('cpu', 'cuda'), default='cpu', help='cuda: `ops_cuda`, its defaults'
    )
    parser.add_argument('--rounds', type=int, default=15, help='at the smallest size; fewer above')
    parser.add_argument('--no-properties', action='store_true', help='the ratios alone')


def run(args: argparse.Namespace) -> int:
    """Measure with each vector code, then check the other properties with the best one."""
    if args.device == 'cuda':
        return _run_on_gpu(args)
    with ops.use_path('cpu'):
        ops.use_compiled('cpu')  # an error here rather than within a measurement
        library = sys.modules[ops.PACKAGE]
        results: list[Result] = []
        for isa in args.isa or [library.cpu_capability()]:
            results += _measure(args, isa, _sizes(args.size, args.frames))
        if args.isa is None and library.cpu_capability() == 'avx512':
            results += _measure(args, 'avx2', [(224, 5)])
        failed = 0 if args.no_properties else check_properties(make_case(5, 224))
    return max(exit_code(results), min(failed, 1))


def _run_on_gpu(args: argparse.Namespace) -> int:
    parser = argparse.ArgumentParser()
    ops_cuda.add_arguments(parser)
    return ops_cuda.run(
        parser.parse_args([], argparse.Namespace(size=args.size, frames=args.frames))
    )


def _measure(args: argparse.Namespace, isa: str, sizes: list[tuple[int, int]]) -> list[Result]:
    results = []
    with sys.modules[ops.PACKAGE].limit_cpu_capability(isa) as used:
        if used != isa:
            raise ConfigError(f'--isa {isa}: this processor has no more than {used}')
        print(f'operator: {ops.choose("cpu").reason}')
        for threads in args.threads:
            header(threads)
            for size, frames in sizes:
                results += _compare_size(args, isa, size, frames, threads)
    return results


def _sizes(sizes: list[int] | None, frames: list[int] | None) -> list[tuple[int, int]]:
    """(pixels, frames) to measure: those of SIZES that agree with what was asked for, or that."""
    known = [
        (size, count)
        for size, count in SIZES
        if (sizes is None or size in sizes) and (frames is None or count in frames)
    ]
    if known and not (sizes and frames):
        return known
    return [(size, count) for size in sizes or (224, 512) for count in frames]


def _compare_size(
    args: argparse.Namespace, isa: str, size: int, frames: int, threads: int
) -> list[Result]:
    case = make_case(frames, size)
    work = frames * case.value.shape[1] / (5 * 1029)
    rounds = max(min(3, args.rounds), round(args.rounds / work))
    goals = {}
    if (size, frames) == (224, 5) and threads <= os.cpu_count():
        allocator = 'tuned' if os.environ.get(TUNABLES) else 'default'
        goals = GOALS.get((isa, threads, allocator), {})
    results = []
    for name in args.passes:
        must, stretch = goals.get(name, (None, None))
        baseline, candidate = callables(case, name)
        result = compare(
            f'{name}: {frames} frames, {size} px, float32, {threads} thread(s), {isa}',
            baseline,
            candidate,
            rounds=rounds,
            check=_rms if name.startswith('bf16') else _largest,
            tolerance=TOLERANCE.get(name, DEFAULT_TOLERANCE),
            must=must,
            stretch=stretch,
            clock='cpu' if threads == 1 else 'wall',
        )
        print(_bandwidth(result, moved_bytes(case, name), threads), flush=True)
        results.append(result)
    return results


def _bandwidth(result: Result, moved: int, threads: int) -> str:
    """Share of what a copy reaches, for as many bytes (maybe in a cache) and for 256 MB."""
    reached = moved / statistics.median(result.candidate.wall)
    alike, memory = copy_bandwidth(moved, threads), copy_bandwidth(2**28, threads)
    return (
        f'  bytes      {moved / 1e6:.1f} MB at least: {reached / 2**30:.1f} GiB/s, '
        f'{reached / alike:.0%} of a copy of as many ({alike / 2**30:.0f} GiB/s), '
        f'{reached / memory:.0%} of one of 256 MB ({memory / 2**30:.0f} GiB/s)'
    )


def _largest(published: tuple[Tensor, ...], ours: tuple[Tensor, ...]) -> float:
    """Largest difference of any result, in units of its largest value."""
    pairs = zip(published, ours, strict=True)
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


def _rms(published: tuple[Tensor, ...], ours: tuple[Tensor, ...]) -> float:
    """Relative root mean square of the difference."""
    (a,), (b,) = published, ours
    return float((a - b.float()).square().mean().sqrt() / a.square().mean().sqrt())
