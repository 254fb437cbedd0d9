"""Which frames meet, in every system: what a permutation of clips or frames does to the result."""

import pytest
import torch
from system_cases import SIZE, build, demo_config, join_clips, system_names
from torch import Tensor

from avsbench.models import AVSegmentor
from avsbench.registry import SYSTEMS

Case = tuple[str, AVSegmentor]


@pytest.fixture(scope='module', params=system_names())
def case(request: pytest.FixtureRequest) -> Case:
    """What a system says of the frames of a clip, and its network of demo size."""
    cfg = demo_config(request.param).model
    join_clips(cfg)
    return SYSTEMS.get(request.param).frame_context, build(cfg)


def inputs(frames: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        'frames': torch.randn(frames, 3, SIZE, SIZE),
        'audio': 3 * torch.randn(frames, 1, 96, 64),
    }


@torch.no_grad()
def run(
    model: AVSegmentor, data: dict, lengths: tuple[int, ...], order: list[int] | None = None
) -> Tensor:
    if order is not None:
        data = {key: value[order] for key, value in data.items()}
    output = model({**data, 'clip_lengths': lengths})
    if output.logits is not None:
        return output.logits
    return output.mask_logits[-1].float()  # of all queries: none has to be chosen


def close(result: Tensor, expected: Tensor) -> bool:
    scale = float(expected.std())
    return bool((result - expected).abs().max() < 1e-3 * scale)


def test_clips_permute(case: Case) -> None:
    _, model = case
    data = inputs(6)
    result = run(model, data, (3, 3))
    order = [3, 4, 5, 0, 1, 2]
    assert close(run(model, data, (3, 3), order), result[order])


def test_one_length_stands_for_any_number_of_clips(case: Case) -> None:
    """Of equal length, which is what a graph with a free number of clips is made with."""
    _, model = case
    data = inputs(6)
    assert close(run(model, data, (3,)), run(model, data, (3, 3)))


def test_frames_influence_each_other_as_the_system_says(case: Case) -> None:
    context, model = case
    data = inputs(3)
    whole, apart = run(model, data, (3,)), run(model, data, (1, 1, 1))
    assert close(whole, apart) == (context == 'none')
    # The order of the first two frames: which audio belongs to which image, or the second.
    order = [1, 0, 2]
    assert close(run(model, data, (3,), order), whole[order]) == (context != 'ordered')


def test_any_number_of_frames(case: Case) -> None:
    _, model = case
    data = inputs(4)
    result = run(model, data, (3, 1))
    alone = {key: value[3:] for key, value in data.items()}
    assert close(result[3:], run(model, alone, (1,)))
