"""Networks of timm as backbones: which features, at which image size, what is trained."""

import re

import pytest
import timm
import torch
from mmengine.registry import DefaultScope
from torch import nn

from avsbench.models import SimpleFeaturePyramid, TimmBackbone
from avsbench.utils.errors import CheckpointError, ConfigError

VIT = 'vit_tiny_patch16_224'
SMALL = {'depth': 3, 'embed_dim': 24, 'num_heads': 2, 'dynamic_img_size': True}
SWIN = {'depths': (1, 1, 1, 1), 'embed_dim': 12, 'num_heads': (1, 1, 1, 1)}


def small_vit(**settings) -> TimmBackbone:
    return TimmBackbone(VIT, options=SMALL, **{'out_strides': (16,), **settings})


def test_a_stride_that_several_blocks_share_means_the_last() -> None:
    backbone = small_vit().eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        (level,) = backbone(images)
        blocks = backbone.model(images)
    assert len(blocks) == 3 and level.shape == (1, 24, 4, 6)
    assert torch.equal(level, blocks[2]) and not torch.equal(level, blocks[0])


def test_blocks_by_number() -> None:
    torch.manual_seed(0)
    backbone = small_vit(out_strides=None, out_indices=(0, -1)).eval()
    every = small_vit(out_strides=None, out_indices=(0, 1, 2)).eval()
    every.load_state_dict(backbone.state_dict())
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        levels, blocks = backbone(images), every(images)
    assert [len(part.out_channels) for part in (backbone, every)] == [2, 3]
    for level, block in zip(levels, (blocks[0], blocks[2]), strict=True):
        assert torch.equal(level, block)
    with pytest.raises(ConfigError, match='out_strides or out_indices, not both'):
        small_vit(out_indices=(0,))
    with pytest.raises(ConfigError, match='timm cannot make .* features of vit_tiny'):
        small_vit(out_strides=None, out_indices=(7,))


def test_a_plain_transformer_has_one_stride() -> None:
    with pytest.raises(ConfigError, match=r'stride \[16\], not \[4, 8, 32\]; .*SimpleFeaturePyr'):
        small_vit(out_strides=None)


def test_image_sizes() -> None:
    fixed = TimmBackbone(VIT, options={**SMALL, 'dynamic_img_size': False}, out_strides=(16,))
    with pytest.raises(ConfigError, match=r'\(224, 224\), not \(64, 64\).*dynamic_img_size=True'):
        fixed(torch.zeros(1, 3, 64, 64))
    options = {**SMALL, 'dynamic_img_size': False, 'img_size': 64}
    chosen = TimmBackbone(VIT, options=options, out_strides=(16,))
    assert chosen(torch.zeros(1, 3, 64, 64))[0].shape == (1, 24, 4, 4)
    with pytest.raises(ConfigError, match=r'\(64, 64\), not \(224, 224\)'):
        chosen(torch.zeros(1, 3, 224, 224))
    with pytest.raises(ConfigError, match=r'\(40, 32\): .*divisible .*dynamic_img_pad=True'):
        small_vit()(torch.zeros(1, 3, 40, 32))
    swin = TimmBackbone('swin_tiny_patch4_window7_224', options={**SWIN, 'dynamic_img_size': True})
    levels = swin(torch.zeros(1, 3, 64, 96))
    assert [tuple(level.shape) for level in levels] == [
        (1, 12, 16, 24), (1, 24, 8, 12), (1, 48, 4, 6), (1, 96, 2, 3)
    ]  # fmt: skip


def test_a_network_that_does_not_name_its_order_of_axes() -> None:
    backbone = TimmBackbone('mobilenetv4_conv_small').eval()
    levels = backbone(torch.zeros(1, 3, 64, 64))
    assert [level.shape[1] for level in levels] == backbone.out_channels == [32, 64, 96, 960]


def test_options_are_those_of_the_network() -> None:
    with pytest.raises(ConfigError, match="no argument 'dynamic_image_size'; did you mean 'dynami"):
        TimmBackbone(VIT, options={'dynamic_image_size': True})
    with pytest.raises(ConfigError, match='options: pretrained is set by the backbone'):
        TimmBackbone(VIT, options={'pretrained': True})
    # its class takes any keyword, and drops those that it doesn't know
    with pytest.raises(ConfigError, match="caformer_s18 has no argument 'depth'"):
        TimmBackbone('caformer_s18', options={'depth': 3})


def trained(backbone: nn.Module) -> set[str]:
    return {name for name, p in backbone.named_parameters() if p.requires_grad}


def test_the_first_blocks_are_frozen() -> None:
    backbone = small_vit(frozen_parts=2).train()
    assert trained(backbone) == {
        name for name, _ in backbone.named_parameters() if '.blocks.2.' in name
    }
    blocks = backbone.model.model.blocks
    assert [block.training for block in blocks] == [False, False, True]
    stages = trained(TimmBackbone('resnet10t', frozen_parts=2))
    assert {name.split('.')[1] for name in stages} == {'layer3', 'layer4'}
    with pytest.raises(ConfigError, match='frozen_parts=4, but vit_tiny_patch16_224 has 3 blocks'):
        small_vit(frozen_parts=4)
    with pytest.raises(ConfigError, match="no part 'blocks.7'; did you mean 'blocks."):
        small_vit(frozen_parts=('blocks.7',))


def test_frozen_statistics_stay() -> None:
    backbone = TimmBackbone('resnet10t', frozen_parts='all').train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    levels = backbone(torch.randn(2, 3, 32, 32))
    assert not trained(backbone) and not levels[-1].requires_grad
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, before[name]), name
    part = TimmBackbone('resnet10t', frozen_parts='layer1').train()
    part(torch.randn(2, 3, 32, 32))
    counts = {name: int(v) for name, v in part.state_dict().items() if 'num_batches' in name}
    assert {name.split('.')[1] for name, count in counts.items() if not count} == {'layer1'}


class TestFiles:
    def test_of_the_whole_network_at_another_size(self, tmp_path) -> None:
        small = {key: value for key, value in SMALL.items() if key != 'dynamic_img_size'}
        whole = timm.create_model(VIT, img_size=64, **small)
        torch.save(whole.state_dict(), file := tmp_path / 'vit.pth')
        backbone = TimmBackbone(
            VIT, options={**small, 'img_size': 96}, out_indices=(1,), weights=str(file)
        )
        backbone.init_weights()
        loaded = backbone.model.model
        assert len(loaded.blocks) == 2 and loaded.pos_embed.shape == (1, 1 + 36, 24)
        for one, other in zip(loaded.blocks, whole.blocks, strict=False):
            assert torch.equal(one.mlp.fc1.weight, other.mlp.fc1.weight)
        assert torch.equal(loaded.cls_token, whole.cls_token)

    def test_with_the_names_of_the_authors(self, tmp_path) -> None:
        source = timm.create_model('swin_tiny_patch4_window7_224', **SWIN).state_dict()
        published = {
            re.sub(r'layers.(\d).down', lambda m: f'layers.{int(m[1]) - 1}.down', key): value
            for key, value in source.items()
            if not key.startswith('head.')
        }
        published |= {'head.weight': torch.zeros(1000, 96), 'head.bias': torch.zeros(1000)}
        assert 'layers.0.downsample.norm.weight' in published
        torch.save({'model': published}, file := tmp_path / 'swin.pth')
        backbone = TimmBackbone('swin_tiny_patch4_window7_224', options=SWIN, weights=str(file))
        backbone.init_weights()
        for name, value in backbone.model.state_dict().items():
            assert torch.equal(value, source[name.replace('layers_', 'layers.')]), name

    def test_of_another_network(self, tmp_path) -> None:
        torch.save(timm.create_model('resnet10t').state_dict(), file := tmp_path / 'r10.pth')
        with pytest.raises(CheckpointError, match='r10.pth'):
            small_vit(weights=str(file)).init_weights()
        state = timm.create_model(VIT, **SMALL).state_dict()
        del state['blocks.1.norm1.weight']
        torch.save(state, file)
        with pytest.raises(CheckpointError, match='1 missing: blocks.1.norm1.weight'):
            small_vit(weights=str(file)).init_weights()


def pyramid(**settings) -> SimpleFeaturePyramid:
    backbone = {'type': 'TimmBackbone', 'model_name': VIT, 'options': SMALL, **settings}
    with DefaultScope.overwrite_default_scope('avsbench'):
        return SimpleFeaturePyramid(backbone, embed_dims=8)


def test_pyramid_of_one_map() -> None:
    levels = pyramid(out_strides=(16,))(torch.zeros(1, 3, 64, 96))
    assert [tuple(level.shape) for level in levels] == [
        (1, 8, 16, 24), (1, 8, 8, 12), (1, 8, 4, 6), (1, 8, 2, 3)
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r'stride \[16, 16, 16\], expected one or 4'):
        pyramid(out_indices=(0, 1, 2))


def test_pyramid_from_a_block_for_each_level() -> None:
    several = pyramid(out_indices=(0, 1, 2, 3), options={**SMALL, 'depth': 4})
    assert (several.out_strides, several.out_channels) == ((4, 8, 16, 32), [8] * 4)
    levels = several(torch.randn(1, 3, 32, 32))
    levels[0].sum().backward()
    blocks = several.backbone.model.model.blocks
    reached = [block.mlp.fc1.weight.grad is not None for block in blocks]
    assert reached == [True, False, False, False]


def test_patches_that_make_no_strides_of_four() -> None:
    with pytest.raises(ConfigError, match=r'stride \[14\].*patch_size=16'):
        pyramid(options={**SMALL, 'patch_size': 14}, out_strides=(14,))
