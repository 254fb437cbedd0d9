"""Decisions that all processes of a run take at the same step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from torch import distributed

from avsbench.utils.errors import AVSBenchError


def on_main_process(action: Callable[[], Any]) -> Any:
    """Let the main process do something; all get its result, or raise its error.

    Raises:
        AVSBenchError: The main process did.
    """
    outcome: list[Any] = [None, None]
    if is_main_process():
        try:
            outcome[0] = action()
        except AVSBenchError as error:
            outcome[1] = error
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


class Highest:
    """The highest of the processes' numbers of the step before.

    The numbers of one step travel on the CPU while the next one is computed, so that no process
    waits for them, nor for its GPU.

    Args:
        timeout: Seconds after which a process that waits for a lost one gives up.
    """

    def __init__(self, timeout: float) -> None:
        self._group = distributed.new_group(backend='gloo', timeout=timedelta(seconds=timeout))
        self._waiting: tuple[Any, torch.Tensor] | None = None

    def __call__(self, number: int) -> int:
        """Send this step's number; the highest of the step before, 0 at the first."""
        before, sent = self._waiting, torch.tensor([number])
        work = distributed.all_reduce(
            sent, op=distributed.ReduceOp.MAX, group=self._group, async_op=True
        )
        self._waiting = (work, sent)
        if before is None:
            return 0
        before[0].wait()
        return int(before[1])

    def close(self) -> None:
        """Wait for what is on its way."""
        if self._waiting is not None:
            self._waiting[0].wait()
        self._waiting = None
