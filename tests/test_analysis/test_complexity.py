"""Counts of operations and bytes, against formulas and against runs on real numbers."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.ops import DeformConv2d

from avsbench.analysis import complexity as module
from avsbench.analysis.complexity import LiveBytes, build_model, complexity
from avsbench.config.loading import load_config
from avsbench.models.layers import MultiScaleDeformableAttention
from avsbench.utils.errors import ConfigError

CONFIG = Path(__file__).resolve().parents[2] / 'config'
INPUTS = module._inputs((2, 3, 8, 10))


class ToyModel(nn.Module):
    """Two convolutions; `scale` stands between them."""

    def __init__(self, *scale):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.last = nn.Sequential(*scale, nn.Conv2d(4, 1, 1, bias=False))

    def forward(self, inputs, mode):
        assert mode == 'maps'
        return self.last(self.first(inputs['frames']))


PIXELS = 2 * 8 * 10
FIRST_FLOPS = 2 * PIXELS * 3 * 4 * 9


def test_operations_of_convolutions_by_part():
    flops, parts = module._flops(ToyModel(), INPUTS)
    assert parts == {'first': FIRST_FLOPS, 'last': 2 * PIXELS * 4}
    assert flops == sum(parts.values())


def test_operations_of_attention():
    class Scale(nn.Module):
        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)[:, None]  # one head
            keys = tokens[..., :7, :]
            out = nn.functional.scaled_dot_product_attention(tokens, keys, keys)
            return out[:, 0].transpose(1, 2).reshape(x.shape)

    flops, _ = module._flops(ToyModel(Scale()), INPUTS)
    assert flops - module._flops(ToyModel(), INPUTS)[0] == PIXELS * 7 * 2 * (4 + 4)


def test_operations_of_deformable_convolution():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = DeformConv2d(4, 4, 3, padding=1, bias=False)

        def forward(self, x):
            return self.conv(x, x.new_zeros(len(x), 18, *x.shape[2:]))

    flops, _ = module._flops(ToyModel(Scale()), INPUTS)
    expected = PIXELS * 9 * (2 * 4 * 4 + 8 * 4)
    assert flops - module._flops(ToyModel(), INPUTS)[0] == expected


def test_operations_of_deformable_attention():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = MultiScaleDeformableAttention(
                4, num_heads=2, num_levels=1, num_points=3
            )

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)
            points = torch.zeros(1, tokens.shape[1], 1, 2)
            out = self.attention(tokens, tokens, points, [tuple(x.shape[2:])])
            return out.transpose(1, 2).reshape(x.shape)

    flops, _ = module._flops(ToyModel(Scale()), INPUTS)
    linear = 2 * 4 * (4 + 4 + 2 * 3 * 2 + 2 * 3)  # value, output, offsets, weights
    sampling = 10 * 4 * 3  # channels of all heads, points
    expected = PIXELS * (linear + sampling)
    assert flops - module._flops(ToyModel(), INPUTS)[0] == expected


def test_live_bytes():
    given = torch.ones(256)  # 1 KiB
    with LiveBytes() as live:
        a = given + 1
        b = a.view(16, 16).t()  # no memory of its own
        b.mul_(2)
        assert live.now == 1024
        c = torch.cat((a, a))
        assert live.now == 3 * 1024
        del a
        assert live.now == 3 * 1024  # b shares it
        del b
        assert live.now == 2 * 1024
        del c
    assert live.now == 0 and live.peak == 3 * 1024


def test_live_bytes_see_what_the_backward_pass_needs():
    weight = torch.ones(256, requires_grad=True)
    with LiveBytes() as live:
        result = (weight * 2).exp().sum()
        assert live.now == 1024 + 4  # the result of exp, and the sum
    result.backward()
    del result
    assert live.now == 0


@pytest.fixture
def gpu_layouts(monkeypatch):
    """GroupNorm returns contiguous tensors, as on a GPU; on a CPU it keeps the layout of its input.

    A tensor without values has the layout of a GPU, and a layer after such a norm may then copy
    its input.
    """
    forward = nn.GroupNorm.forward
    monkeypatch.setattr(nn.GroupNorm, 'forward', lambda self, x: forward(self, x).contiguous())


@pytest.fixture
def nothing_kept(monkeypatch):
    """Codes of positions are computed anew, as they are for tensors without values."""
    monkeypatch.setattr('avsbench.models.layers.constants.detect_fake_mode', lambda: True)


@pytest.mark.usefixtures('gpu_layouts', 'nothing_kept')
@pytest.mark.parametrize('config', sorted(path.name for path in CONFIG.glob('s4/*demo.py')))
def test_tensors_without_values_count_like_real_ones(config):
    """Also checks that a config's network runs on them."""
    cfg = load_config(CONFIG / 's4' / config)
    found = complexity(cfg, frames=2)  # at the size of its data: not every head takes another
    model = build_model(cfg)
    inputs = module._inputs((2, model.in_channels, *found.size))
    # a few constants of 8 bytes are made elsewhere
    assert found.training_bytes == pytest.approx(module._training_bytes(model, inputs), rel=1e-5)
    model.requires_grad_(False)
    assert found.inference_bytes == pytest.approx(module._inference_bytes(model, inputs), rel=1e-5)
    assert (found.flops, found.part_flops) == module._flops(model, inputs)
    assert found.params == sum(p.numel() for p in model.parameters())
    assert sum(found.part_params.values()) == found.params
    assert found.training_bytes > found.inference_bytes > 0


def test_frozen_parts_and_published_size():
    found = complexity(load_config(CONFIG / 's4/tpavi_res50.py'), frames=1, size=64)
    assert found.params - found.trainable_params == 72_141_184 == found.part_params['audio_encoder']
    assert found.part_flops['audio_encoder'] == pytest.approx(2 * 864e6, rel=0.01)


@pytest.mark.slow
def test_attention_of_a_known_network():
    """PVTv2-B5: 11.8 G multiply-adds for an image of 224 x 224, according to its paper."""
    flops = complexity(load_config(CONFIG / 's4/tpavi_pvt2.py'), frames=1).part_flops['backbone']
    assert flops == pytest.approx(2 * 11.8e9, rel=0.01)


def test_errors_name_the_config_and_the_clip(monkeypatch):
    cfg = load_config(CONFIG / 's4/demo.py')
    with pytest.raises(ConfigError, match='frames=0'):
        complexity(cfg, frames=0)
    message = 'demo.py: the network does not run on 2 frames of 40 x 32 pixels: too small'
    with (
        pytest.raises(ConfigError, match=message),
        FakeTensorMode(),
        module._explained(cfg, (2, 3, 32, 40)),
    ):
        raise RuntimeError('too small\nand more')
    cfg.model.decode_head.num_queries = 3
    with pytest.raises(ConfigError, match="model.decode_head.*unknown argument 'num_queries'"):
        complexity(cfg)
