import re

import pytest
import timm
import torch
from huggingface_hub.constants import HF_HUB_CACHE

from avsbench.config.paths import CONFIG_ROOT
from avsbench.models import TimmAudioEncoder, TimmBackbone, VGGish
from avsbench.systems.avsegformer.fusion import ChannelGateFusion
from avsbench.systems.avsegformer.pixel_decoder import DeformablePixelDecoder
from avsbench.systems.avsegformer.query_generators import (
    AttentionQueryGenerator,
    RepeatQueryGenerator,
)
from avsbench.utils.errors import CheckpointError, ConfigError
from avsbench.weights.index import read_index


@pytest.mark.parametrize(
    ('name', 'channels'),
    [('resnet18', [64, 128, 256, 512]), ('pvt_v2_b0', [32, 64, 160, 256])],
)
def test_backbone_publishes_what_it_returns(name: str, channels: list[int]) -> None:
    backbone = TimmBackbone(name).eval()
    levels = backbone(torch.randn(1, 3, 64, 64))
    assert backbone.out_channels == channels
    assert [tuple(level.shape) for level in levels] == [
        (1, width, 64 // stride, 64 // stride)
        for width, stride in zip(channels, backbone.out_strides, strict=True)
    ]


@pytest.mark.parametrize(
    'build',
    [
        lambda: TimmBackbone('resnet10t', weights='timm', frozen_norm=True),
        lambda: TimmAudioEncoder('resnet10t', pretrained=True),
    ],
)
class TestFetchedWeights:
    def test_they_come_when_a_training_starts(self, build, monkeypatch):
        part, create, fetched = build(), timm.create_model, []

        def fake(name, *, pretrained, **options):
            assert pretrained
            fetched.append(create(name, **options))
            return fetched[0]

        monkeypatch.setattr(timm, 'create_model', fake)
        part.init_weights()
        weights = fetched[0].state_dict()
        assert len(fetched) == 1 and part.model.state_dict()
        for key, value in part.model.state_dict().items():
            assert torch.equal(value, weights[key]), key

    def test_without_a_network(self, build, monkeypatch):
        part = build()

        def fail(*_, **__):
            raise OSError('the connection was refused')

        monkeypatch.setattr(timm, 'create_model', fail)
        with pytest.raises(CheckpointError, match='resnet10t') as caught:
            part.init_weights()
        for words in (
            'https://huggingface.co/timm/resnet10t.c3_in1k',
            f'none in the cache {HF_HUB_CACHE}: the connection was refused',
            'copy that folder',
            'start from random numbers',
        ):
            assert words in str(caught.value)
        part.checkpoint_follows = True  # as in a training that is resumed
        part.init_weights()


def test_networks_without_published_weights() -> None:
    part = TimmAudioEncoder('test_vit4', pretrained=True)
    with pytest.raises(CheckpointError, match='timm has no weights for test_vit4; set pretrained'):
        part.init_weights()


@pytest.mark.parametrize(
    ('name', 'side'), [('swin_tiny_patch4_window7_224', 224), ('mambaout_femto', 70)]
)
def test_channels_come_first_whatever_the_network_gives(name: str, side: int) -> None:
    backbone = TimmBackbone(name, out_strides=(8, 32)).eval()
    images = torch.randn(1, 3, side, side)
    with torch.no_grad():
        levels, given = backbone(images), backbone.model(images)
    assert [level.shape[1] for level in levels] == backbone.out_channels
    for level, last in zip(levels, (given[1], given[3]), strict=True):
        assert (level == last.movedim(-1, 1)).all()


def test_networks_that_need_another_size_say_so() -> None:
    swin = TimmBackbone('swin_tiny_patch4_window7_224')
    with pytest.raises(
        ConfigError, match=r'made for images of \(H, W\) \(224, 224\), not \(64, 64\)'
    ):
        swin(torch.zeros(1, 3, 64, 64))
    with pytest.raises(RuntimeError, match='to have 3 channels'):  # not the size's fault
        TimmBackbone('resnet18')(torch.zeros(1, 4, 64, 64))
    valid = TimmBackbone('inception_v3').eval()
    with pytest.raises(ConfigError, match=r'inception_v3 gives a level of .* at stride 4;'):
        valid(torch.zeros(1, 3, 128, 128))
    encoder = TimmAudioEncoder('vit_tiny_patch16_224')
    with pytest.raises(ConfigError, match=r'\(224, 224\), not \(96, 64\)'):
        encoder(torch.zeros(1, 1, 96, 64))


def test_backbone_names_the_nearest_network() -> None:
    with pytest.raises(ConfigError, match="no network 'resnet5O'; did you mean 'resnet5"):
        TimmBackbone('resnet5O')
    with pytest.raises(ConfigError, match=r'levels of stride \[2, 4, 8, 16, 32\], not \[64\]'):
        TimmBackbone('resnet18', out_strides=(4, 64))


def test_backbone_recomputes_to_the_same_gradients() -> None:
    torch.manual_seed(0)
    plain = TimmBackbone('pvt_v2_b0', drop_path_rate=0.2).train()
    saving = TimmBackbone('pvt_v2_b0', drop_path_rate=0.2, with_cp=True).train()
    saving.load_state_dict(plain.state_dict())
    frames = torch.randn(2, 3, 32, 32)
    grads = []
    for backbone in (plain, saving):
        torch.manual_seed(1)
        sum(level.square().sum() for level in backbone(frames)).backward()
        grads.append([p.grad for p in backbone.parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(ConfigError, match='resnet18 has no blocks that can be computed again'):
        TimmBackbone('resnet18', with_cp=True)


def test_backbone_starts_from_a_published_file(tmp_path) -> None:
    source = TimmBackbone('resnet18').model.state_dict()
    file = tmp_path / 'resnet18.pth'
    torch.save({**source, 'fc.weight': torch.zeros(1000, 512), 'fc.bias': torch.zeros(1000)}, file)
    backbone = TimmBackbone('resnet18', weights=str(file))
    backbone.init_weights()
    assert backbone.missing_weights is None
    for name, value in backbone.model.state_dict().items():
        assert torch.equal(value, source[name])


def test_pvt_file_with_published_names_fits(tmp_path) -> None:
    source = TimmBackbone('pvt_v2_b0').model.state_dict()
    published = {}
    for name, value in source.items():
        for own, theirs in (
            ('stages_0.', '1.'), ('stages_1.', '2.'), ('stages_2.', '3.'), ('stages_3.', '4.')
        ):  # fmt: skip
            if name.startswith(own):
                stage, rest = theirs[0], name[len(own) :]
                name = (
                    rest.replace('blocks.', f'block{stage}.')
                    .replace('downsample.', f'patch_embed{stage}.')
                    .replace('mlp.dwconv.', 'mlp.dwconv.dwconv.')
                )
                name = f'norm{stage}.{rest[5:]}' if rest.startswith('norm.') else name
        published[name.replace('patch_embed.', 'patch_embed1.')] = value
    assert 'block3.1.mlp.dwconv.dwconv.weight' in published
    file = tmp_path / 'pvt_v2_b0.pth'
    torch.save(published | {'head.weight': torch.zeros(1, 1)}, file)
    backbone = TimmBackbone('pvt_v2_b0', weights=str(file))
    backbone.init_weights()
    for name, value in backbone.model.state_dict().items():
        assert torch.equal(value, source[name])


def test_missing_weights_are_reported_or_refused(tmp_path) -> None:
    missing = str(tmp_path / 'none.pth')
    backbone = TimmBackbone('resnet18', weights=missing, require_weights=False)
    backbone.init_weights()
    assert backbone.missing_weights == missing
    with pytest.raises(CheckpointError, match="no file '.*none.pth'; put it .*set weights=None"):
        TimmBackbone('resnet18', weights=missing).init_weights()


def test_missing_weights_that_are_published_name_their_place(tmp_path) -> None:
    network = VGGish(weights=str(tmp_path / 'vggish-10086976.pth'))
    with pytest.raises(CheckpointError, match='published at github.com/harritaylor/torchvggish'):
        network.init_weights()


def test_places_of_published_weights_are_those_of_the_documents() -> None:
    """And each file that a config names is among them."""
    known = {entry.file for entry in read_index().encoders.values()}
    table = (CONFIG_ROOT.parent / 'docs/weights.md').read_text()
    assert all(f'`pretrained/{name}`' in table for name in known)
    named = {
        name
        for path in CONFIG_ROOT.rglob('*.py')
        for name in re.findall(r"'pretrained/([^']+)'", path.read_text())
    }
    assert named == known


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    file = tmp_path / 'resnet34.pth'
    torch.save(TimmBackbone('resnet34').model.state_dict(), file)
    with pytest.raises(CheckpointError, match='resnet34.pth does not fit .* not in the network'):
        TimmBackbone('resnet18', weights=str(file)).init_weights()


def test_vggish_is_frozen_unless_told_otherwise() -> None:
    vggish = VGGish()
    out = vggish(torch.randn(2, 1, 96, 64))
    assert out.shape == (2, 1, VGGish.out_channels)
    assert not out.requires_grad and not any(p.requires_grad for p in vggish.parameters())
    assert sum(p.numel() for p in vggish.parameters()) == 72_141_184
    assert VGGish(frozen=False)(torch.randn(1, 1, 96, 64)).requires_grad


@pytest.mark.parametrize('name', ['resnet10t', 'mobilenetv3_small_050'])
def test_timm_audio_encoder(name: str) -> None:
    encoder = TimmAudioEncoder(name, mean=-3.0, std=2.0).eval()
    patches = torch.randn(2, 1, 96, 64)
    out = encoder(patches)
    assert out.shape == (2, 1, encoder.out_channels)
    torch.testing.assert_close(out[:, 0], encoder.model((patches + 3) / 2))
    with pytest.raises(ConfigError, match='TimmAudioEncoder: timm has no network'):
        TimmAudioEncoder('nothing')


def test_pixel_decoder_shapes_for_odd_sizes() -> None:
    decoder = DeformablePixelDecoder(
        [8, 8, 8, 8], 16, num_layers=1, num_heads=2, feedforward_channels=8, num_groups=4
    ).eval()
    sizes = [(15, 18), (8, 9), (4, 5), (2, 3)]
    out = decoder([torch.randn(2, 8, *size) for size in sizes])
    assert out.mask_feature.shape == (2, 16, 15, 18)
    assert out.memory.shape == (2, 72 + 20 + 6, 16)
    assert [tuple(level.shape[2:]) for level in out.levels] == sizes[1:]


def test_positions_of_levels_differ_by_their_embedding() -> None:
    decoder = DeformablePixelDecoder([8, 8, 8], 16, num_layers=1, num_groups=4)
    pos = decoder.positions([(2, 3), (2, 3)])[0]
    difference = decoder.level_embed[1] - decoder.level_embed[0]
    torch.testing.assert_close(pos[6:] - pos[:6], difference.expand(6, -1))


def test_query_generators() -> None:
    audio = torch.randn(3, 1, 16)
    queries, passed = AttentionQueryGenerator(5, 16, num_layers=2, num_heads=2)(audio, [])
    assert queries.shape == (3, 5, 16) and passed is audio
    assert not torch.allclose(queries[0], queries[1])
    repeated, _ = RepeatQueryGenerator(5, 16)(audio, [])
    assert torch.equal(repeated, audio.expand(3, 5, 16))
    with pytest.raises(ValueError, match=r'expected \(N, 1, 16\)'):
        RepeatQueryGenerator(5, 16)(torch.randn(3, 2, 16), [])


def test_channel_gate_scales_channels_between_zero_and_one() -> None:
    fusion = ChannelGateFusion(16, num_heads=4)
    feature, audio = torch.rand(2, 16, 3, 3) + 1, torch.randn(2, 1, 16)
    gated, passed, losses = fusion(feature, audio)
    assert losses == {}
    assert passed is audio
    gate = gated / feature
    assert 0 < gate.min() and gate.max() < 1
    torch.testing.assert_close(gate, gate[:, :, :1, :1].expand_as(gate))
    assert not torch.allclose(fusion(feature, torch.randn(2, 1, 16))[0], gated)
