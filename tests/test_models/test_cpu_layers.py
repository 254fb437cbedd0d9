"""Linear layers and dropout that a CPU computes in its own way."""

import pytest
import torch
import torch.nn.functional as F

from avsbench.models.layers import Dropout, linear
from avsbench.models.layers.dropout import dropout


def layer(rows: int = 300) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    tokens = torch.randn(2, rows, 32, requires_grad=True)
    return tokens, torch.randn(16, 32, requires_grad=True), torch.randn(16, requires_grad=True)


@pytest.mark.parametrize('act', [None, 'relu', 'gelu'])
@pytest.mark.parametrize('rows', [4, 300])
def test_linear_has_the_values_and_gradients_of_its_parts(act, rows) -> None:
    inputs = layer(rows)
    function = {None: lambda values: values, 'relu': F.relu, 'gelu': F.gelu}[act]
    expected = function(F.linear(*inputs))
    found = linear(*inputs, act)
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(expected)
    gradients = (torch.autograd.grad((out * weight).sum(), inputs) for out in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
    with torch.inference_mode():
        torch.testing.assert_close(linear(*inputs, act), expected.detach())


def test_linear_follows_autocast() -> None:
    inputs = layer()
    with torch.autocast('cpu', torch.bfloat16):
        found = linear(*inputs, 'gelu')
    assert found.dtype == torch.bfloat16
    found.sum().backward()
    assert all(tensor.grad.dtype == torch.float32 for tensor in inputs)


def test_dropout_keeps_the_mean_and_drops_the_gradient() -> None:
    torch.manual_seed(0)
    values = torch.ones(101, 999, requires_grad=True)
    dropped = dropout(values, 0.1)
    zeros = dropped == 0
    assert abs(zeros.float().mean() - 0.1) < 0.005 and abs(dropped.mean() - 1) < 0.01
    dropped.sum().backward()
    assert ((values.grad == 0) == zeros).all()
    assert torch.allclose(values.grad[~zeros], torch.tensor(1 / 0.9), atol=1e-4)


def test_dropout_is_seeded_and_off_in_evaluation() -> None:
    module, values = Dropout(0.5), torch.ones(64)
    torch.manual_seed(3)
    first = module(values)
    torch.manual_seed(3)
    assert torch.equal(module(values), first)
    assert module.eval()(values) is values
    assert not dropout(values, 1.0).any()
