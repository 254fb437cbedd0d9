"""What is asked of the compiled operator beside its speed, each with a figure and a verdict."""

import ctypes
import os
import statistics
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from avsbench.models.layers import DeformableEncoder
from benchmarks.ops_cases import Case, callables
from benchmarks.published_deform_attn import published_attention

HALF_ERROR = 1.01  # times the error of exact arithmetic between rounded values and result
MEMORY_SHARE = 0.1  # of what the published form takes
CALL_SECONDS = 5e-6


def check_properties(case: Case) -> int:
    """Print each check of the operator on the CPU; returns how many fail."""
    checks = (
        ('bf16 values', lambda: half_error(case, torch.bfloat16)),
        ('fp16 values', lambda: half_error(case, torch.float16)),
        ('determinism', lambda: determinism(case)),
        ('memory, forward', lambda: memory(case, 'fused-forward')),
        ('memory, both', lambda: memory(case, 'fused-both')),
        ('cost of a call', call_cost),
        ('whole graph', whole_graph),
    )
    failed = 0
    for name, check in checks:
        met, text = check()
        failed += not met
        print(f'{name:16s} {text}: {"met" if met else "NOT met"}', flush=True)
    return failed


def half_error(case: Case, dtype: torch.dtype) -> tuple[bool, str]:
    """Error with 16-bit values, and that of float64 arithmetic on the same rounded values."""
    value, locations, weights = case.given()
    half = value.to(dtype)

    def exact(value: Tensor) -> Tensor:
        return published_attention(
            value.double(), case.shapes, locations.double(), weights.double()
        )

    def error(result: Tensor) -> float:
        return float((result - truth).square().mean().sqrt() / truth.square().mean().sqrt())

    with torch.no_grad():
        truth = exact(value)
        ours = error(torch.ops.avsbench.ms_deform_attn(half, case.flat, locations, weights))
        rounded = exact(half)
        values_alone, least = error(rounded), error(rounded.to(dtype))
    return ours <= HALF_ERROR * least, (
        f'relative RMS error {ours:.3%} of float64; rounding the values costs {values_alone:.3%}, '
        f'rounding the result as well {least:.3%}'
    )


def determinism(case: Case) -> tuple[bool, str]:
    """Outputs and gradients for several numbers of threads, each run twice."""
    before = torch.get_num_threads()
    most = max(4, os.cpu_count())
    same = True
    for name in ('both', 'fused-both'):
        _, ours = callables(case, name)
        torch.set_num_threads(1)
        first = ours()
        for threads in (1, 2, 3, most, most):
            torch.set_num_threads(threads)
            same &= all(torch.equal(a, b) for a, b in zip(first, ours(), strict=True))
    torch.set_num_threads(before)
    return same, f'outputs and gradients of 1 to {most} threads and of reruns are the same bits'


def memory(case: Case, name: str) -> tuple[bool, str]:
    """Highest memory of one call above what was there before it, against the published form."""
    published, ours = (peak_memory(call) for call in callables(case, name))
    return ours <= MEMORY_SHARE * published, (
        f'{ours / 2**20:.1f} MiB at the peak against {published / 2**20:.1f} MiB '
        f'({ours / published:.1%}, allowed {MEMORY_SHARE:.0%})'
    )


def call_cost() -> tuple[bool, str]:
    """Time of a call with next to nothing to do, one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    value, locations = torch.randn(1, 1, 1, 8), torch.rand(1, 1, 1, 1, 1, 2)
    weights = torch.ones(1, 1, 1, 1, 1)
    operator = torch.ops.avsbench.ms_deform_attn.default

    def call() -> Tensor:
        return operator(value, (1, 1), locations, weights)

    with torch.no_grad():
        plain = _per_call(call)
    value.requires_grad_()
    recorded = _per_call(call)
    torch.set_num_threads(before)
    return plain <= CALL_SECONDS, (
        f'{plain * 1e6:.1f} us ({recorded * 1e6:.1f} us when recorded for the gradient), '
        f'allowed {CALL_SECONDS * 1e6:.0f} us'
    )


def whole_graph() -> tuple[bool, str]:
    """Breaks in the graph of an encoder layer as torch.compile sees it."""
    encoder = DeformableEncoder(1, 16, num_heads=2, num_levels=1, feedforward_channels=16)
    explained = torch._dynamo.explain(encoder)(
        torch.randn(1, 6, 16), torch.randn(1, 6, 16), [(2, 3)]
    )
    breaks = explained.graph_break_count
    return breaks == 0, f'{breaks} graph breaks in an encoder layer, allowed 0'


def peak_memory(call: Callable) -> int:
    """Bytes that the process takes at most during a call, above those before it (Linux).

    The system counts whole pages and what the operator allocates by itself. What earlier calls
    left with the allocator is given back first, and a first call sets up what stays.
    """
    call()
    ctypes.CDLL(None).malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5')  # the peak counts from here
    before = _status('VmRSS')
    call()
    return max(_status('VmHWM') - before, 1)


@cache
def copy_bandwidth(moved: int, threads: int) -> float:
    """Bytes read and written each second by a copy of half of them, with this many threads."""
    torch.set_num_threads(threads)
    source = torch.ones(moved // 8)
    target = torch.empty_like(source)
    target.copy_(source)
    times = []
    for _ in range(9):
        start = time.perf_counter()
        target.copy_(source)
        times.append(time.perf_counter() - start)
    return 2 * source.nbytes / statistics.median(times)


def _per_call(call: Callable, calls: int = 2000) -> float:
    times = []
    for _ in range(7):
        start = time.process_time()
        for _ in range(calls):
            call()
        times.append((time.process_time() - start) / calls)
    return statistics.median(times)


def _status(key: str) -> int:
    """Bytes of an entry of the process's status."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{key}:'):
            return int(line.split()[1]) * 1024
    raise KeyError(key)
