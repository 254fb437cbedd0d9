"""Deformable attention on a GPU: the CUDA kernels against plain PyTorch operators.

Inputs and sizes are those of `ops`. Both sides are timed by CUDA events, launches and autograd
included, round by round in turn; the kernels alone by the replay of a CUDA graph that walks over
as many copies of the inputs as overflow the GPU's L2 cache.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from avsbench.utils import ops
from avsbench.utils.errors import ConfigError
from benchmarks.harness import quartiles
from benchmarks.ops_cases import Case, make_case, moved_bytes
from benchmarks.published_deform_attn import published_attention, published_weights

PASSES = ('forward', 'backward', 'fused-forward', 'fused-backward')
KINDS = ('float32', 'float16', 'bfloat16')
SIZES = ((224, 5), (224, 10), (224, 40), (512, 5), (512, 10))  # pixels, frames
# Largest difference in units of the largest value, both sides given the same rounded inputs.
TOLERANCE = {'float32': 5e-5, 'float16': 2e-3, 'bfloat16': 1e-2}
# Microseconds to stay below on a Hopper GPU: all have the same multiprocessors, which bound the
# kernels; the memory, which differs, does not.
GOALS = {
    ('fused-forward', 'bfloat16', 224, 40): 80.0,
    ('fused-backward', 'bfloat16', 224, 40): 220.0,
}
COPY_BYTES = 2**30
SAMPLE_SECONDS = 2e-3  # a timed sample repeats short calls for about as long
MOST_COPIES = 24

Call = Callable[[], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Row:
    """One pass at one size in one type; times are medians, in microseconds.

    Attributes:
        reference_us, operator_us: PyTorch's operators in float32, and ours; eager, by events.
        ratio, ratio_low, ratio_high: Reference / operator: median and quartiles of the rounds.
        kernel_us: The kernels alone, inputs not in the cache.
        bytes: Read and written at least once.
        share_of_copy: Bytes / kernel_us, in units of the measured bandwidth of a copy.
        error, tolerance: Largest difference from the reference in units of the largest value.
        goal_us: To stay below, None where there is no goal for this GPU and size.
    """

    name: str
    kind: str
    size: int
    frames: int
    reference_us: float
    operator_us: float
    ratio: float
    ratio_low: float
    ratio_high: float
    kernel_us: float
    bytes: int
    share_of_copy: float
    error: float
    tolerance: float
    goal_us: float | None

    @property
    def same(self) -> bool:
        """Whether the values agree (a NaN does not)."""
        return self.error <= self.tolerance

    def line(self) -> str:
        """The row of the printed table."""
        goal = ''
        if self.goal_us is not None:
            goal = f'  goal {self.goal_us:.0f} us: '
            goal += 'met' if self.kernel_us <= self.goal_us else 'NOT met'
        return (
            f'{self.name:15s} {self.kind:9s} {self.size:4d} {self.frames:6d} '
            f'{self.reference_us:10.1f} {self.operator_us:9.1f} {self.ratio:7.2f}x '
            f'({self.ratio_low:.2f} to {self.ratio_high:.2f}) {self.kernel_us:9.1f} '
            f'{self.share_of_copy:6.0%}  '
            f'{self.error:.1e} {"same" if self.same else "DIFFERENT"}{goal}'
        )


HEADER = (
    f'{"pass":15s} {"type":9s} {"px":>4s} {"frames":>6s} {"PyTorch us":>10s} {"ours us":>9s} '
    f'{"ratio (quartiles)":>24s} {"kernel us":>9s} {"copy":>6s}  error'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py ops_cuda`."""
    parser.add_argument('--size', type=int, nargs='+', choices=(224, 512), help='pixels; all')
    parser.add_argument('--frames', type=int, nargs='+', help='default: 5 10, and 40 at 224 px')
    parser.add_argument('--passes', choices=PASSES, nargs='+', default=list(PASSES))
    parser.add_argument('--kinds', choices=KINDS, nargs='+', default=['float32', 'bfloat16'])
    parser.add_argument('--rounds', type=int, default=50)
    parser.add_argument('--json', type=Path, help='also write the figures there, row by row')
    parser.add_argument(
        '--once', action='store_true', help='measure nothing: call each pass twice, for a profiler'
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 1 if a value differs from the reference."""
    if not torch.cuda.is_available():
        raise ConfigError('ops_cuda: PyTorch finds no GPU here')
    choice = ops.choose('cuda', 'auto')
    if not choice.compiled:
        raise ConfigError(f'ops_cuda: {choice.reason}; {ops.BUILD}')
    if args.once:
        return call_once(args)
    bandwidth = copy_bandwidth()
    gpu = torch.cuda.get_device_name()
    print(
        f'{gpu}, torch {torch.__version__}, copy of 1 GiB: {bandwidth / 1e12:.2f} TB/s read and '
        f'written\n{choice.reason}\n{HEADER}',
        flush=True,
    )
    hopper = torch.cuda.get_device_capability()[0] == 9
    rows = []
    for size, frames in sizes(args.size, args.frames):
        for row in measure(args, size, frames, bandwidth, hopper):
            print(row.line(), flush=True)
            rows.append(row)
            if args.json:
                known = [asdict(row) for row in rows]
                figures = {'gpu': gpu, 'copy_bytes_per_second': bandwidth, 'rows': known}
                args.json.write_text(json.dumps(figures, indent=2) + '\n')
    different = [row for row in rows if not row.same]
    for row in different:
        print(f'FAILED: {row.name} {row.kind}, {row.size} px, {row.frames} frames: values differ')
    return 1 if different else 0


def call_once(args: argparse.Namespace) -> int:
    """Each pass at each size, its kernels twice: the first call loads them."""
    for size, frames in sizes(args.size, args.frames):
        exact = make_case(frames, size, 'cuda')
        for name in args.passes:
            for kind in args.kinds:
                call = kernels(rounded(exact, kind), name)
                for _ in range(2):
                    call()
                    torch.cuda.synchronize()
    return 0


def sizes(pixels: list[int] | None, frames: list[int] | None) -> list[tuple[int, int]]:
    """(pixels, frames) to measure: every pair where frames are given, else those of SIZES."""
    if frames is None:
        return [pair for pair in SIZES if pixels is None or pair[0] in pixels]
    return [(size, count) for size in pixels or (224, 512) for count in frames]


def measure(
    args: argparse.Namespace, size: int, frames: int, bandwidth: float, hopper: bool
) -> Iterator[Row]:
    """One row for each pass and type."""
    exact = make_case(frames, size, 'cuda')
    for name in args.passes:
        for kind in args.kinds:
            case = rounded(exact, kind)
            error = largest_difference(
                reference(rounded(case, 'float32'), name)(), operator(case, name)()
            )
            base, ours = in_turn((reference(exact, name), operator(case, name)), args.rounds)
            kernel = kernel_seconds(case, name, args.rounds)
            moved = moved_bytes(case, name)
            low, ratio, high = quartiles(a / b for a, b in zip(base, ours, strict=True))
            yield Row(
                name,
                kind,
                size,
                frames,
                reference_us=1e6 * statistics.median(base),
                operator_us=1e6 * statistics.median(ours),
                ratio=ratio,
                ratio_low=low,
                ratio_high=high,
                kernel_us=1e6 * kernel,
                bytes=moved,
                share_of_copy=moved / kernel / bandwidth,
                error=error,
                tolerance=TOLERANCE[kind],
                goal_us=GOALS.get((name, kind, size, frames)) if hopper else None,
            )


def rounded(case: Case, kind: str) -> Case:
    """The case as autocast gives it to the operator: locations stay in float32."""
    dtype = getattr(torch, kind)
    names = ('value', 'offsets', 'logits', 'weights', 'grad')
    return replace(case, **{name: getattr(case, name).to(dtype) for name in names})


def inputs_of(case: Case, name: str) -> tuple[Tensor, ...]:
    """The tensors that have a gradient."""
    return case.raw() if name.startswith('fused') else case.given()


def reference(case: Case, name: str) -> Call:
    """The published form of PyTorch's operators; nothing in it waits for the GPU."""
    sizes_of_levels = torch.tensor(
        [(width, height) for height, width in case.shapes], device=case.value.device
    )[:, None]
    centres = case.reference_points[:, :, None, :, None]

    def attend(value: Tensor, second: Tensor, third: Tensor) -> Tensor:
        if name.startswith('fused'):
            second = centres + second / sizes_of_levels
            third = published_weights(third, len(case.shapes))
        return published_attention(value, case.shapes, second, third)

    return _through_autograd(attend, case, name)


def operator(case: Case, name: str) -> Call:
    """The compiled operator, as a network calls it."""

    def attend(value: Tensor, second: Tensor, third: Tensor) -> Tensor:
        return _operator(name, 'forward')(*_arguments(case, name, (value, second, third)))

    return _through_autograd(attend, case, name)


def kernels(case: Case, name: str) -> Callable[[], object]:
    """The operator of this pass by itself."""
    arguments = _arguments(case, name, inputs_of(case, name))
    if name.endswith('forward'):
        return lambda: _operator(name, 'forward')(*arguments)
    return lambda: _operator(name, 'backward')(case.grad, *arguments)


def _operator(name: str, step: str) -> Callable:
    fused = '_fused' if name.startswith('fused') else ''
    backward = '_backward' if step == 'backward' else ''
    return getattr(torch.ops.avsbench, f'ms_deform_attn{fused}{backward}')


def _arguments(case: Case, name: str, tensors: tuple[Tensor, ...]) -> tuple:
    value, second, third = tensors
    points = (case.reference_points,) if name.startswith('fused') else ()
    return value, case.flat, *points, second, third


def _through_autograd(attend: Callable[..., Tensor], case: Case, name: str) -> Call:
    inputs = inputs_of(case, name)
    if name.endswith('forward'):

        @torch.no_grad()
        def forward() -> tuple[Tensor, ...]:
            return (attend(*inputs),)

        return forward
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    output = attend(*leaves)
    return lambda: torch.autograd.grad(output, leaves, case.grad, retain_graph=True)


def largest_difference(expected: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> float:
    """Of any result, in units of its largest value; NaN if there is one."""
    errors = [
        float((a - b.to(a.dtype)).abs().max() / a.abs().max())
        for a, b in zip(expected, results, strict=True)
    ]
    return math.nan if any(math.isnan(error) for error in errors) else max(errors)


def in_turn(calls: tuple[Call, Call], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of a call in each round, the calls timed one after the other."""
    repeats = []
    for call in calls:
        call()
        once = event_seconds(call, 1)
        repeats.append(max(1, min(100, round(SAMPLE_SECONDS / once))))
    times = ([], [])
    for _ in range(rounds):
        for call, count, row in zip(calls, repeats, times, strict=True):
            call()
            row.append(event_seconds(call, count))
    return times


def event_seconds(call: Callable[[], object], count: int) -> float:
    """Seconds of one of `count` calls in a row, by the GPU's clock."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(count):
        call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3 / count


def kernel_seconds(case: Case, name: str, rounds: int) -> float:
    """Median time of the operator's kernels when their inputs come from memory."""
    cache = torch.cuda.get_device_properties(case.value.device).L2_cache_size
    count = copies_to_overflow(cache, moved_bytes(case, name))
    calls = [kernels(_copy(case), name) for _ in range(count)]
    with _replay(calls) as replay:
        times = [event_seconds(replay, 1) for _ in range(rounds)]
    return statistics.median(times) / count


def copies_to_overflow(cache: int, moved: int) -> int:
    """How many copies of the inputs make every call find the cache full of other ones."""
    return max(2, min(MOST_COPIES, math.ceil(2 * cache / moved)))


def copy_bandwidth() -> float:
    """Bytes a second that a copy within the GPU's memory reads and writes."""
    source = torch.ones(COPY_BYTES // 4, device='cuda')
    target = torch.empty_like(source)
    target.copy_(source)
    times = [event_seconds(lambda: target.copy_(source), 1) for _ in range(15)]
    return 2 * source.nbytes / statistics.median(times)


def _copy(case: Case) -> Case:
    names = ('value', 'offsets', 'logits', 'locations', 'weights', 'grad')
    return replace(case, **{name: getattr(case, name).clone() for name in names})


@contextmanager
def _replay(calls: list[Callable[[], object]]) -> Iterator[Callable[[], None]]:
    """Replay of one CUDA graph that makes all the calls; their results live as long as it does."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for call in calls[:2]:
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = [call() for call in calls]
    graph.replay()
    yield graph.replay
    torch.cuda.synchronize()
    del results, graph
