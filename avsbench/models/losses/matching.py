"""The assignment of queries to targets at the smallest total cost (arXiv 2005.12872)."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def assign(cost: Tensor) -> tuple[Tensor, Tensor]:
    """Give every target a query of its own.

    Args:
        cost: (Q, G) of each query for each target, Q >= G; without gradient. Costs that are not
            finite count as larger than all others.

    Returns:
        Indices of queries, ascending, and of their targets, (G,) each, on the device of `cost`.
    """
    finite = torch.nan_to_num(cost.detach().float(), nan=1e9, posinf=1e9, neginf=-1e9)
    queries, targets = linear_sum_assignment(finite.cpu().numpy())
    return tuple(torch.as_tensor(index, device=cost.device) for index in (queries, targets))
