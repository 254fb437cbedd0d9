"""Routing of tokens to two experts with limited capacity, by index.

Mixture of experts after GShard (arXiv 2006.16668), in the form that MoDAT uses
(github.com/jnjz/MoDAT): each frame is a group, slots are assigned in token order, first
choices before second ones, and a token whose expert is full is dropped from it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_CAPACITY = 4
SECOND_THRESHOLD = 0.2  # share of the weight from which a second expert is always kept
EPS = 1e-9


@dataclass
class Routing:
    """Where the tokens of N groups go.

    Attributes:
        slots: (N, S, 2) index of the slot of first and second expert, expert * capacity + place;
            experts * capacity for none.
        weights: (N, S, 2) weight of each expert's output, 0 for none.
        capacity: Slots of an expert.
        num_experts: E.
        balance: Scalar, E^2 times the mean over groups and experts of mean probability times
            share of first choices: 1 for even routing if experts are chosen evenly.
    """

    slots: Tensor
    weights: Tensor
    capacity: int
    num_experts: int
    balance: Tensor

    def dispatch(self, tokens: Tensor) -> Tensor:
        """Tokens (N, S, C) in their slots: (N, E, capacity, C), zero where a slot is empty."""
        num, length, channels = tokens.shape
        empty = self.num_experts * self.capacity
        source = torch.full((num, empty + 1), length, device=tokens.device)
        index = torch.arange(length, device=tokens.device).expand(num, -1)
        for choice in range(2):
            source.scatter_(1, self.slots[..., choice], index)
        padded = F.pad(tokens, (0, 0, 0, 1))  # an empty slot reads the row of zeros at the end
        source = source[:, :empty, None].expand(-1, -1, channels)
        return padded.gather(1, source).view(num, self.num_experts, self.capacity, channels)

    def combine(self, outputs: Tensor) -> Tensor:
        """Weighted sum of the experts' outputs (N, E, capacity, C) per token: (N, S, C)."""
        padded = F.pad(outputs.flatten(1, 2), (0, 0, 0, 1))
        channels = padded.shape[-1]
        total = 0
        for choice in range(2):
            index = self.slots[..., choice, None].expand(-1, -1, channels)
            total = total + padded.gather(1, index) * self.weights[..., choice, None]
        return total


def route(
    probabilities: Tensor, capacity_factor: float, keep_second: Tensor | None = None
) -> Routing:
    """Assign each token to its two most probable experts.

    Args:
        probabilities: (N, S, E), of each expert.
        capacity_factor: Slots of all experts together, in tokens per group.
        keep_second: (N, S) draws in [0, 1): the second expert is kept where its weight over
            `SECOND_THRESHOLD` exceeds the draw. None keeps all, draws of infinity keep none.

    Returns:
        The routing.
    """
    length, experts = probabilities.shape[1:]
    capacity = max(min(length, int(length * capacity_factor / experts)), MIN_CAPACITY)
    first = probabilities.argmax(-1)
    first_chosen = _one_hot(first, experts)  # (N, S, E)
    second = (probabilities * (1 - first_chosen)).argmax(-1)
    weights = probabilities.gather(-1, torch.stack((first, second), -1))  # (N, S, 2)
    weights = weights / (weights.sum(-1, keepdim=True) + EPS)
    shares = first_chosen.to(probabilities.dtype).mean(1)  # (N, E)
    balance = (probabilities.mean(1) * shares).mean() * experts**2

    places = _places(first_chosen, first)
    kept = places < capacity
    survivors = (first_chosen * kept[..., None]).sum(1)  # (N, E)

    wanted = torch.ones_like(kept)
    if keep_second is not None:
        wanted = keep_second < weights[..., 1] / SECOND_THRESHOLD
    second_chosen = _one_hot(second, experts) * wanted[..., None]
    second_places = _places(second_chosen, second) + survivors.gather(1, second)
    second_kept = wanted & (second_places < capacity)

    kept = torch.stack((kept, second_kept), -1) & (weights > 0)  # (N, S, 2)
    slots = torch.stack((first, second), -1) * capacity
    slots = slots + torch.stack((places, second_places), -1)
    slots = torch.where(kept, slots, experts * capacity)
    return Routing(slots, weights * kept, capacity, experts, balance)


def _one_hot(index: Tensor, length: int) -> Tensor:
    """(..., length) int64; PyTorch's reads the indices on the host to check them."""
    zeros = index.new_zeros(*index.shape, length)
    return zeros.scatter_(-1, index[..., None], 1)


def _places(chosen: Tensor, expert: Tensor) -> Tensor:
    """Number of earlier tokens of the group that chose the same expert: (N, S).

    `chosen` holds integers: sums of halves stop counting at 256 or 2048, and a GPU adds up floats
    in another order each time.
    """
    earlier = chosen.cumsum(1) - chosen
    return earlier.gather(-1, expert[..., None])[..., 0]
