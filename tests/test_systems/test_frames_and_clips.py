"""Which frames meet, in every system: what a permutation of clips or frames does to the result."""

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import AVSegmentor
from avsbench.registry import MODELS

# Settings under which the small networks treat a clip as the published ones do.
PUBLISHED = {
    'catr_demo': {'group_frames': None},
    'tpavi_demo': {'fusion.group_frames': None},
}
FRAME_WISE = ('demo', 'combo_demo', 'modat_demo')  # 'demo' is AVSegFormer
# The order of the first two frames counts: which sound belongs to which picture, or the second.
CLIP_WISE = ('catr_demo', 'medvt_demo', 'tpavi_demo')
SIZE = 64


@pytest.fixture(scope='module', params=[*FRAME_WISE, *CLIP_WISE])
def network(request) -> tuple[str, AVSegmentor]:
    cfg = load_config(config_file(f's4/{request.param}.py')).model
    for key, value in PUBLISHED.get(request.param, {}).items():
        *path, last = key.split('.')
        place = cfg.decode_head
        for step in path:
            place = place[step]
        place[last] = value
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        model = MODELS.build(cfg).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):  # TPAVI's blocks start as the identity
            torch.nn.init.ones_(module.weight)
    return request.param, model


def inputs(frames: int) -> dict:
    torch.manual_seed(1)
    return {
        'frames': torch.randn(frames, 3, SIZE, SIZE),
        'audio': 3 * torch.randn(frames, 1, 96, 64),
    }


@torch.no_grad()
def run(network, data: dict, lengths: tuple[int, ...], order: list[int] | None = None) -> Tensor:
    name, model = network
    if order is not None:
        data = {key: value[order] for key, value in data.items()}
    output = model({**data, 'clip_lengths': lengths})
    if output.logits is not None:
        return output.logits
    return output.mask_logits[-1].float()  # of all queries: none has to be chosen


def close(result: Tensor, expected: Tensor) -> bool:
    scale = float(expected.std())
    return bool((result - expected).abs().max() < 1e-3 * scale)


def test_clips_permute(network) -> None:
    data = inputs(6)
    result = run(network, data, (3, 3))
    order = [3, 4, 5, 0, 1, 2]
    assert close(run(network, data, (3, 3), order), result[order])


def test_frames_permute_unless_they_meet(network) -> None:
    data = inputs(3)
    whole, apart = run(network, data, (3,)), run(network, data, (1, 1, 1))
    order = [1, 0, 2]
    permuted = run(network, data, (3,), order)
    if network[0] in FRAME_WISE:
        assert close(whole, apart)
        assert close(permuted, whole[order])
    else:
        assert not close(whole, apart)
        # TPAVI reads a sum over the frames, which has no order.
        assert close(permuted, whole[order]) == (network[0] == 'tpavi_demo')


def test_any_number_of_frames(network) -> None:
    data = inputs(4)
    result = run(network, data, (3, 1))
    alone = {key: value[3:] for key, value in data.items()}
    assert close(result[3:], run(network, alone, (1,)))
