"""How every benchmark is timed, judged and printed.

The published formulation (baseline) and the toolbox's (candidate) run in one process, round by
round, with one untimed call before each timed one. The figure that counts is the median of the
rounds' ratios; its quartiles, both clocks and the parity error are printed beside it, under a
header that fixes what the figures depend on (threads, allocator, load of the machine).
"""

import math
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

TUNABLES = 'GLIBC_TUNABLES'


@dataclass(frozen=True)
class Timing:
    """Seconds of each round of one variant, by two clocks."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]

    def line(self) -> str:
        """Medians of both clocks with the range of the one that is less disturbed."""
        low, middle, high = quartiles(self.cpu)
        return (
            f'cpu {milliseconds(middle)} ({milliseconds(low)} to {milliseconds(high)}), '
            f'wall {milliseconds(statistics.median(self.wall))}'
        )


@dataclass(frozen=True)
class Result:
    """One comparison.

    Attributes:
        title: What was compared, at what size.
        baseline, candidate: The timings.
        ratios: Baseline / candidate of each round, by the clock that was asked for.
        error: What `check` returned, None where nothing was compared.
        tolerance: Largest `error` that counts as the same value.
        must, stretch: Ratios to reach, None where there is no such goal.
    """

    title: str
    baseline: Timing
    candidate: Timing
    ratios: tuple[float, ...]
    error: float | None
    tolerance: float
    must: float | None
    stretch: float | None

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.ratios)

    @property
    def same(self) -> bool:
        """Both variants returned the same value (a NaN error is a difference)."""
        return self.error is None or self.error <= self.tolerance

    @property
    def ok(self) -> bool:
        """The values agree and the `must` is met."""
        return self.same and (self.must is None or self.ratio >= self.must)

    def report(self) -> str:
        """The lines that `compare` prints."""
        low, _, high = quartiles(self.ratios)
        lines = [
            self.title,
            f'  baseline   {self.baseline.line()}',
            f'  candidate  {self.candidate.line()}',
            f'  ratio      {self.ratio:.2f}x (quartiles {low:.2f} to {high:.2f}, '
            f'{len(self.ratios)} rounds)',
        ]
        if self.error is not None:
            verdict = 'same' if self.same else 'DIFFERENT'
            lines.append(
                f'  parity     error {self.error:.3g}, allowed {self.tolerance:.3g}: {verdict}'
            )
        for name, goal in (('must', self.must), ('stretch', self.stretch)):
            if goal is not None:
                verdict = 'met' if self.ratio >= goal else 'NOT met'
                lines.append(f'  {name:10s} {goal:g}x: {verdict}')
        return '\n'.join(lines)


def compare(
    title: str,
    baseline: Callable[[], Any],
    candidate: Callable[[], Any],
    *,
    rounds: int = 7,
    check: Callable[[Any, Any], float] | None = None,
    tolerance: float = 0.0,
    must: float | None = None,
    stretch: float | None = None,
    clock: str = 'cpu',
) -> Result:
    """Time two variants of one computation in turn, print and return the comparison.

    Args:
        title: What is compared, with its size.
        baseline: The published formulation, no arguments.
        candidate: The toolbox's, no arguments.
        rounds: Timed calls of each.
        check: (baseline's result, candidate's result) -> error; one larger than `tolerance`, or
            NaN, makes the comparison fail.
        tolerance: Largest error that counts as the same value; 0 = identical.
        must: Ratio below which the comparison fails.
        stretch: Ratio to aim at; only printed.
        clock: 'cpu' (time of this process, all its threads) or 'wall'; the latter only on a quiet
            machine, or where the work is done by other processes.

    Returns:
        The comparison; its `ok` says whether it passed.

    Raises:
        ValueError: `rounds` below 1 or an unknown clock.
    """
    if rounds < 1:
        raise ValueError(f'rounds: got {rounds}, expected 1 or more')
    if clock not in ('cpu', 'wall'):
        raise ValueError(f"clock: got {clock!r}, expected 'cpu' or 'wall'")
    error = None if check is None else float(check(baseline(), candidate()))

    timings = ([], [])
    for _ in range(rounds):
        for call, rows in zip((baseline, candidate), timings, strict=True):
            call()  # warms caches and allocator for this variant
            rows.append(_seconds(call))
    base, cand = (Timing(*zip(*rows, strict=True)) for rows in timings)
    pairs = zip(getattr(base, clock), getattr(cand, clock), strict=True)
    ratios = tuple(b / max(c, 1e-9) for b, c in pairs)
    result = Result(title, base, cand, ratios, error, tolerance, must, stretch)
    print(result.report(), flush=True)
    return result


def exit_code(results: Iterable[Result]) -> int:
    """0 if every comparison passed, else 1 with one line for each that did not."""
    failed = [result for result in results if not result.ok]
    for result in failed:
        why = 'the must is missed' if result.same else 'the values differ'
        print(f'FAILED: {result.title}: {why}', flush=True)
    return 1 if failed else 0


def header(threads: int) -> None:
    """Set torch's number of threads and print what the figures below depend on."""
    torch.set_num_threads(threads)
    load = ' '.join(f'{value:.2f}' for value in os.getloadavg())
    print(
        f'torch {torch.__version__}, Python {platform.python_version()}, threads {threads}, '
        f'{os.cpu_count()} cores, load average {load}\n'
        f'CPU {cpu_model()} (torch uses {torch.backends.cpu.get_cpu_capability()})\n'
        f'allocator {TUNABLES}={os.environ.get(TUNABLES) or "(not set: glibc defaults)"}',
        flush=True,
    )


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """25th, 50th and 75th percentile (linear between neighbours)."""
    ordered = sorted(values)
    return tuple(_percentile(ordered, share) for share in (0.25, 0.5, 0.75))


def milliseconds(seconds: float) -> str:
    """Three significant digits, in ms."""
    return f'{seconds * 1000:.3g} ms' if seconds < 1 else f'{seconds * 1000:.0f} ms'


def peak_memory() -> int:
    """Bytes of memory that this process had in use at most.

    Linux hands `ru_maxrss` on to the programs that a process starts; its own count is new in each.
    """
    status = Path('/proc/self/status')
    lines = status.read_text().splitlines() if status.exists() else []
    found = [int(line.split()[1]) for line in lines if line.startswith('VmHWM:')]  # in KiB
    return 1024 * (found or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0]


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def _percentile(ordered: list[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    low, high = math.floor(position), math.ceil(position)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _seconds(call: Callable[[], Any]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall
