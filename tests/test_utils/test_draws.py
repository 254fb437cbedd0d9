import math

import pytest
import torch

from avsbench.utils.draws import gumbel_draw, uniform_draw

CPU = torch.device('cpu')


def test_numbers_have_the_distribution_that_they_are_named_after() -> None:
    torch.manual_seed(0)
    uniform = uniform_draw('x', (100, 1000), CPU)
    assert uniform.dtype == torch.float32 and 0 <= uniform.min() and uniform.max() < 1
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.01)
    gumbel = gumbel_draw('x', (100, 1000), CPU)
    assert float(gumbel.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(gumbel.std()) == pytest.approx(math.pi / math.sqrt(6), abs=0.02)


def test_draws_follow_the_seed() -> None:
    for draw in (uniform_draw, gumbel_draw):
        torch.manual_seed(3)
        first, second = draw('x', (4,), CPU), draw('y', (4,), CPU)
        torch.manual_seed(3)
        assert torch.equal(draw('z', (4,), CPU), first) and not torch.equal(first, second)
