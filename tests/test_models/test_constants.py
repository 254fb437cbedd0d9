"""Tensors that are kept by the sizes that they depend on."""

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from avsbench.models.layers import reference_points_of, sine_position_encoding
from avsbench.models.layers.constants import KEPT, kept_by_arguments


@pytest.fixture
def counted():
    """A kept function, and the arguments that it was run with."""
    runs: list[tuple] = []

    @kept_by_arguments
    def ones(size: int, *, device: torch.device | None = None) -> Tensor:
        runs.append((size, device))
        return torch.ones(size, device=device)

    return ones, runs


def test_equal_arguments_share_a_tensor(counted) -> None:
    ones, runs = counted
    first = ones(2)
    assert ones(2) is first and ones(3) is not first and runs == [(2, None), (3, None)]
    assert ones(2, device=torch.device('meta')).device.type == 'meta'


def test_few_are_kept(counted) -> None:
    ones, runs = counted
    for size in range(KEPT + 1):
        ones(size)
    ones(KEPT)
    assert len(runs) == KEPT + 1
    ones(0)
    assert len(runs) == KEPT + 2


def test_a_tensor_of_a_prediction_serves_a_training(counted) -> None:
    ones, _ = counted
    with torch.inference_mode():
        ones(2)
    weight = torch.ones(2, requires_grad=True)
    (weight * ones(2)).sum().backward()
    assert weight.grad.tolist() == [1, 1]


def test_tensors_without_values_are_not_kept(counted) -> None:
    ones, _ = counted
    with FakeTensorMode():
        assert isinstance(ones(2), FakeTensor)
    assert type(ones(2)) is Tensor


def test_graphs_make_their_own(counted) -> None:
    ones, runs = counted
    compiled = torch.compile(lambda x: x + ones(2), backend='eager', fullgraph=True)
    assert compiled(torch.zeros(2)).tolist() == [1, 1]
    kept = ones(2)
    assert type(kept) is Tensor and kept.tolist() == [1, 1]


def test_codes_and_points_are_kept() -> None:
    assert sine_position_encoding(2, 3, 4) is sine_position_encoding(2, 3, 4)
    assert reference_points_of([(2, 3)]) is reference_points_of([(2, 3)])
