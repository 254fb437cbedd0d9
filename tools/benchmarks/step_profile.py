"""What a GPU does in one training step: kernels, their time, waits of the host."""

import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from mmengine.optim import OptimWrapper

SHOWN = 12  # kernels that take longest
NAME_LENGTH = 80


@dataclass(frozen=True)
class Profile:
    """One step after the timed ones.

    Attributes:
        host_syncs: Times that the host waited for the GPU.
        launches: Kernels and copies.
        busy_ms: Their time, summed.
        optimizer_ms: A step of the optimizer alone, the host's part included.
        kernels_ms: The longest ones by name, each summed over its launches.
    """

    host_syncs: int
    launches: int
    busy_ms: float
    optimizer_ms: float
    kernels_ms: dict[str, float]

    def line(self) -> str:
        """The end of a printed row."""
        return (
            f'{self.host_syncs} host syncs, {self.launches} launches, GPU busy '
            f'{self.busy_ms:.2f} ms, optimizer {self.optimizer_ms:.2f} ms'
        )


def profile_step(step: Callable[[], object], wrapper: OptimWrapper) -> Profile:
    """Profile one call of `step`, a training step that uses the wrapper's optimizer."""
    syncs = count_syncs(step)
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step()
        torch.cuda.synchronize()
    events = [e for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    total: Counter[str] = Counter()
    for event in events:
        total[event.name[:NAME_LENGTH]] += event.time_range.elapsed_us() / 1e3
    return Profile(
        host_syncs=syncs,
        launches=len(events),
        busy_ms=round(sum(total.values()), 3),
        optimizer_ms=round(_optimizer_ms(wrapper), 3),
        kernels_ms={name: round(ms, 3) for name, ms in total.most_common(SHOWN)},
    )


def count_syncs(step: Callable[[], object]) -> int:
    """How often the host waits for the GPU in one call."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return sum('synchroniz' in str(warning.message) for warning in caught)


def _optimizer_ms(wrapper: OptimWrapper) -> float:
    """Least of three steps, all gradients there; the weights are not needed any more."""
    for group in wrapper.optimizer.param_groups:
        for parameter in group['params']:
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
    times = []
    for _ in range(3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        wrapper.optimizer.step()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)
