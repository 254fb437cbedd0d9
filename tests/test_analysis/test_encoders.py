"""The table of encoders, and each of them under the heads of three systems."""

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from system_cases import build, demo_config
from torch import Tensor

from avsbench.analysis.encoders import (
    ENCODERS,
    Encoder,
    encoder_config,
    encoders_page,
    measure_encoder,
)
from avsbench.config.loading import open_config
from avsbench.config.paths import CONFIG_ROOT

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'encoders.md'
# One of each kind of layout, size and names; the others take minutes (`pytest -m slow`).
SMALL = (
    'vit_small_patch14_dinov2.lvd142m',
    'swin_tiny_patch4_window7_224.ms_in1k',
    'pvt_v2_b0.in1k',
    'efficientvit_b0.r224_in1k',
    'mobilenetv4_conv_small.e2400_r224_in1k',
)
SYSTEMS = ('avsegformer', 'catr', 'tpavi')


@cache
def measured(name: str) -> Encoder:
    return measure_encoder(name)


def cases() -> list:
    others = (pytest.mark.slow, pytest.mark.survey)
    return [pytest.param(name, marks=() if name in SMALL else others) for name in ENCODERS]


def test_at_least_twenty_encoders_are_listed_once() -> None:
    assert len(ENCODERS) >= 20 and len(set(ENCODERS)) == len(ENCODERS)
    listed = [line.split('`')[1] for line in PAGE.read_text().splitlines() if line[:3] == '| `']
    assert listed == list(ENCODERS)


@pytest.mark.parametrize('name', cases())
def test_the_page_is_up_to_date(name: str) -> None:
    page, row = PAGE.read_text().splitlines(), measured(name)
    (line,) = [line for line in encoders_page([row]).splitlines() if line[:3] == '| `']
    given = [known for known in page if known.startswith(f'| `{name}`')]
    # the number of a footnote depends on the other rows
    assert [known.replace('[2]', '[1]') for known in given] == [line]


def test_gated_weights_say_so() -> None:
    for line in PAGE.read_text().splitlines():
        if line.startswith('| `') and 'dinov3' in line:
            assert 'dinov3-license [1]' in line
    assert '1. The licence of DINOv3.' in PAGE.read_text()


def images(frames: int, height: int, width: int) -> dict[str, Tensor | tuple[int, ...]]:
    torch.manual_seed(0)
    return {
        'frames': torch.randn(frames, 3, height, width),
        'audio': torch.randn(frames, 1, 96, 64),
        'clip_lengths': (frames,),
        'gt_masks': torch.randint(0, 2, (frames, height, width)),
        'gt_valid': torch.ones(frames, dtype=torch.bool),
    }


@pytest.mark.parametrize('system', SYSTEMS)
@pytest.mark.parametrize('name', cases())
def test_every_head_takes_it(name: str, system: str) -> None:
    cfg = demo_config(system).model
    del cfg['backbone']
    cfg.backbone = encoder_config(name, weights=None)
    model = build(cfg)
    with torch.no_grad():
        assert model(images(2, 64, 96), mode='maps').shape == (2, 1, 64, 96)
    losses = model.train()(images(2, 64, 64), mode='loss')
    sum(value for key, value in losses.items() if key.startswith('loss_')).backward()
    gradients = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().max() > 0 for gradient in gradients)


def test_the_documented_configs_are_accepted(tmp_path) -> None:
    blocks = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    base = f'_base_ = {str(CONFIG_ROOT / "s4" / "avsegformer_demo.py")!r}\n'
    decay = (
        "optim_wrapper = dict(constructor='ModuleKindOptimWrapperConstructor', "
        'paramwise_cfg=dict(layer_decay=0.8, layer_decay_keep_last=4))\n'
    )
    for number, block in enumerate(blocks):
        file = tmp_path / f'{number}.py'
        file.write_text(base + decay + re.sub(r'^_base_.*\n', '', block))
        cfg = open_config(file)
        assert cfg.model.backbone.type in ('TimmBackbone', 'SimpleFeaturePyramid')
    cfg = open_config(file, {'model.backbone.backbone.options.patch_size': 14})
    assert cfg.model.backbone.backbone.options.patch_size == 14
