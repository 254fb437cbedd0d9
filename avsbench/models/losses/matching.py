"""The assignment of queries to targets at the smallest total cost (arXiv 2005.12872)."""

from collections.abc import Sequence

import numpy as np
from mmengine.dist import all_reduce, get_world_size
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from avsbench.utils.transfer import fetch, send

Match = tuple[np.ndarray, np.ndarray]
"""Indices of queries, ascending, and of their targets."""


def assign(costs: Tensor, counts: Sequence[int]) -> list[Match]:
    """Give every target of each set a query of its own; all sets reach the host at once.

    Args:
        costs: (S, Q, G) of each query for each target, Q >= G; without gradient. Costs that are
            not finite count as larger than all others.
        counts: Targets of each set; those behind them are padding.

    Returns:
        The match of each set.
    """
    finite = np.nan_to_num(fetch(costs.float()), nan=1e9, posinf=1e9, neginf=-1e9)
    return [
        linear_sum_assignment(cost[:, :count]) for cost, count in zip(finite, counts, strict=True)
    ]


def mean_counts(counts: Sequence[int], like: Tensor) -> Sequence[float] | Tensor:
    """The mean of each count over all processes, at least 1.

    Args:
        counts: Of this process.
        like: A tensor on the device of the process; in several processes the means are there, too,
            so that the host needn't wait for the other processes.
    """
    if get_world_size() == 1:
        return [max(1.0, float(count)) for count in counts]
    total = send([float(count) for count in counts], like.device)
    all_reduce(total)
    return (total / get_world_size()).clamp_min(1)
