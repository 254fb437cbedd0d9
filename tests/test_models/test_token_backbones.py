"""Backbones that stop before a block: the blocks that follow, further tokens, masks, weights."""

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import PVTTokenBackbone, TokenState, ViTTokenBackbone
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError

DINOV3 = 'vit_base_patch16_dinov3_qkvb'
PLAIN = 'vit_tiny_patch16_224'
SMALL = {'depth': 3, 'embed_dim': 24, 'num_heads': 2, 'dynamic_img_size': True}
PVT = {'depths': (1, 2, 1, 1), 'embed_dims': (8, 12, 16, 16), 'num_heads': (1, 2, 2, 2)}


def small_vit(name: str = DINOV3, **settings) -> ViTTokenBackbone:
    torch.manual_seed(0)
    options = SMALL | settings.pop('options', {})
    return ViTTokenBackbone(name, options=options, **{'stop_block': 1, **settings}).eval()


def small_pvt(**settings) -> PVTTokenBackbone:
    torch.manual_seed(0)
    cfg = {'stop_block': -2, 'num_stages': 2, 'options': PVT, **settings}
    return PVTTokenBackbone('pvt_v2_b0', **cfg).eval()


def finished(state: TokenState) -> Tensor:
    tokens = state.tokens
    for index in range(state.next_block, state.num_blocks):
        tokens = state.run_block(tokens, index)
    return state.norm(tokens)


@pytest.mark.parametrize('name', [DINOV3, PLAIN])
@torch.no_grad()
def test_all_blocks_of_a_vit_are_timms_network(name: str) -> None:
    backbone = small_vit(name)
    for parameter in backbone.parameters():  # layer scales of almost zero would hide the blocks
        torch.nn.init.normal_(parameter, std=0.3)
    images = torch.randn(2, 3, 32, 48)
    state = backbone(images)
    assert (state.grid, state.next_block, state.num_blocks) == ((2, 3), 1, 3)
    torch.testing.assert_close(finished(state), backbone.model.forward_features(images))
    maps = state.maps(state.tokens)
    torch.testing.assert_close(maps[:, :, 1, 2], state.tokens[:, -1])
    assert backbone.out_channels == [24] and backbone.out_strides == (16,)


@torch.no_grad()
def test_all_blocks_of_a_pvt_are_timms_stages() -> None:
    backbone = small_pvt()
    whole = timm.create_model('pvt_v2_b0', num_classes=0, **PVT).eval()
    whole.load_state_dict(backbone.model.state_dict(), strict=False)
    images = torch.randn(2, 3, 32, 48)
    expected = whole.patch_embed(images)
    for stage in whole.stages[:2]:
        expected = stage(expected)
    state = backbone(images)
    torch.testing.assert_close(state.maps(finished(state)), expected)
    assert backbone.out_channels == [12] and backbone.out_strides == (8,)


@torch.no_grad()
def test_further_tokens_that_nobody_sees_change_nothing() -> None:
    """So that a rotary code still turns the right tokens."""
    backbone = small_vit()
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    state = backbone(torch.randn(2, 3, 32, 32))
    extra = torch.randn(2, 7, 24)
    mask = torch.ones(2, 1, 7 + state.tokens.shape[1], 7 + state.tokens.shape[1]).bool()
    mask[:, :, 7:, :7] = False
    both = torch.cat((extra, state.tokens), 1)
    found = state.run_block(both, 1, mask, 7)
    torch.testing.assert_close(found[:, 7:], state.run_block(state.tokens, 1))
    seen = state.run_block(both, 1, None, 7)
    assert not torch.allclose(seen[:, 7:], found[:, 7:], atol=1e-3)


@torch.no_grad()
def test_a_pvt_lays_all_tokens_on_a_square() -> None:
    state = small_pvt(unreduced_blocks=1)(torch.randn(1, 3, 32, 32))  # 4 x 4 places
    tokens = torch.cat((torch.randn(1, 9, 12), state.tokens), 1)
    assert state.run_block(tokens, 2, None, 9).shape == (1, 25, 12)
    mask = torch.ones(1, 1, 25, 25).bool()
    plain, masked = (state.run_block(tokens, 2, part, 9) for part in (None, mask))
    torch.testing.assert_close(plain, masked)
    with pytest.raises(ConfigError, match='8 further tokens and the 16 .* set their number to 9'):
        state.run_block(tokens[:, 1:], 2, None, 8)
    with pytest.raises(ConfigError, match='unreduced_blocks to 2 or more'):
        state.run_block(tokens, 1, None, 9)


def test_places_are_stretched_in_training_alone() -> None:
    backbone = small_vit(options={'rope_rescale_coords': 2.0})
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        one, other = backbone(images), backbone(images)
        assert torch.equal(one.code, other.code)
        stretched = backbone.train()(images)
    assert not torch.equal(stretched.code, one.code)


def test_blocks_that_do_not_exist_are_an_error() -> None:
    with pytest.raises(ConfigError, match='stop_block=3, but .* blocks 0 to 2, or -3 to -1'):
        small_vit(stop_block=3)
    with pytest.raises(ConfigError, match='stop_block=0, but .* blocks 1 to 2, or -2 to -1'):
        small_pvt(stop_block=0)
    with pytest.raises(ConfigError, match='stage 2 of pvt_v2_b0 has 2 blocks'):
        small_pvt(unreduced_blocks=3)
    with pytest.raises(ConfigError, match='num_stages=5, but pvt_v2_b0 has 4'):
        small_pvt(num_stages=5)
    with pytest.raises(ConfigError, match='resnet18 is no plain vision transformer'):
        ViTTokenBackbone('resnet18', stop_block=-1)
    with pytest.raises(ConfigError, match='resnet18 is no PVTv2'):
        PVTTokenBackbone('resnet18', stop_block=-1)


def test_depths_of_parameters() -> None:
    depths = small_vit().parameter_depths()
    assert depths['model.cls_token'] == depths['model.patch_embed.proj.weight'] == 0
    assert depths['model.blocks.1.norm1.weight'] == 1
    assert depths['model.norm.weight'] == depths['model.blocks.2.mlp.fc1.weight'] == 2
    depths = small_pvt().parameter_depths()
    assert depths['model.patch_embed.proj.weight'] == depths['model.stages.0.norm.weight'] == 0
    assert depths['model.stages.1.downsample.proj.weight'] == 1
    assert depths['model.stages.1.blocks.1.attn.q.weight'] == 2
    assert depths['model.stages.1.norm.weight'] == 2


def test_weights_of_a_whole_network(tmp_path) -> None:
    """Joined projections are taken apart; stages and reductions without use are left out."""
    torch.manual_seed(1)
    whole = timm.create_model(DINOV3, **SMALL)
    torch.nn.init.normal_(whole.blocks[1].attn.v_bias)
    torch.save(whole.state_dict(), tmp_path / 'vit.pth')
    path = str(tmp_path / 'vit.pth')
    backbone = small_vit(weights=path, options={'qkv_fused': False})
    backbone.init_weights()
    attn = backbone.model.blocks[1].attn
    joined = torch.cat((attn.q_proj.weight, attn.k_proj.weight, attn.v_proj.weight))
    torch.testing.assert_close(joined, whole.blocks[1].attn.qkv.weight)
    torch.testing.assert_close(attn.v_proj.bias, whole.blocks[1].attn.v_bias)

    whole = timm.create_model('pvt_v2_b0', **PVT)
    torch.save(whole.state_dict(), tmp_path / 'pvt.pth')
    backbone = small_pvt(weights=str(tmp_path / 'pvt.pth'), unreduced_blocks=1)
    backbone.init_weights()
    found = backbone.model.stages[1].blocks[1].attn.kv.weight
    torch.testing.assert_close(found, whole.stages[1].blocks[1].attn.kv.weight)


def with_other_backbone(name: str, backbone: dict) -> Config:
    cfg = load_config(config_file(name)).model
    cfg.backbone = backbone
    return cfg


@pytest.mark.parametrize(
    ('name', 'backbone', 'message'),
    [
        (
            's4/ease_demo.py',
            {'type': 'TimmBackbone', 'model_name': 'resnet18'},
            'TimmBackbone gives levels, EaseHead reads tokens',
        ),
        (
            's4/combo_demo.py',
            {'type': 'ViTTokenBackbone', 'model_name': PLAIN, 'stop_block': -1, 'options': SMALL},
            'ViTTokenBackbone gives tokens, ComboHead reads levels',
        ),
    ],
)
def test_heads_refuse_features_of_the_other_kind(name: str, backbone: dict, message: str) -> None:
    cfg = with_other_backbone(name, backbone)
    if 'combo' in name:  # its head takes the channels of four levels
        cfg.decode_head.in_channels = [24] * 4
    with (
        DefaultScope.overwrite_default_scope('avsbench'),
        pytest.raises(ConfigError, match=message),
    ):
        MODELS.build(cfg)
