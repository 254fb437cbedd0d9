"""Outputs of the audio encoders, and AST and CLAP against the package transformers."""

from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from timm import create_model
from timm.models import _builder
from torch import Tensor, nn

from avsbench.checkpoint.ast import fit_positions
from avsbench.models.audio_encoders import (
    AudioSpectrogramTransformer,
    ClapAudioEncoder,
    TimmAudioEncoder,
    VGGish,
    patch_key,
)
from avsbench.utils.errors import CheckpointError, ConfigError

FBANK = 3 * torch.randn(2, 1, 98, 128, generator=torch.Generator().manual_seed(0)) - 4
SMALL_CLAP = dict(
    depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 4], patch_embeds_hidden_size=8,
    hidden_size=64, mlp_ratio=1.0,
)  # fmt: skip


def small_ast(**options) -> AudioSpectrogramTransformer:
    """Six layers of 64 channels."""
    torch.manual_seed(0)
    return AudioSpectrogramTransformer('test_vit', **options).eval()


@torch.no_grad()
def run(network: nn.Module, patches: Tensor = FBANK) -> Tensor:
    return network(patches)


class TestOutputs:
    @pytest.mark.parametrize(
        ('tokens', 'grid'), [('vector', (1, 1)), ('tokens', (9, 1)), ('map', (9, 12))]
    )
    def test_of_ast(self, tokens, grid) -> None:
        network = small_ast(tokens=tokens)
        assert network.out_grid == grid
        assert run(network).shape == (2, grid[0] * grid[1], network.out_channels)

    def test_tokens_are_the_means_of_the_map_over_mel(self) -> None:
        places = run(small_ast(tokens='map')).unflatten(1, (9, 12))
        torch.testing.assert_close(run(small_ast(tokens='tokens')), places.mean(2))
        # time is the first axis: what begins late changes the late rows most
        changed = FBANK.clone()
        changed[:, :, 80:] += 20
        moved = (run(small_ast(tokens='map'), changed).unflatten(1, (9, 12)) - places).abs()
        assert moved.mean((0, 2, 3))[:7].max() < moved.mean((0, 2, 3))[8]

    def test_of_vggish(self) -> None:
        patches = torch.randn(1, 1, 96, 64)
        network = VGGish(tokens='map')
        places = network(patches)
        network.tokens = 'tokens'
        torch.testing.assert_close(network(patches), places.unflatten(1, (6, 4)).mean(2))
        assert VGGish(tokens='tokens').out_grid == (6, 1)
        with pytest.raises(ConfigError, match=r"pca=True needs the embedding, tokens='vector'"):
            VGGish(tokens='tokens', pca=True)

    def test_that_an_encoder_lacks(self) -> None:
        with pytest.raises(ConfigError, match=r"AudioSpectro.*tokens='maps'.*did you mean 'map'"):
            small_ast(tokens='maps')
        assert TimmAudioEncoder.outputs == ('vector',)

    def test_of_another_front_end_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"\(1, 96, 64\), expected \(1, 98, 128\).*'ast'"):
            small_ast()(torch.zeros(1, 1, 96, 64))

    def test_of_networks_with_other_tokens_in_front(self) -> None:
        two = AudioSpectrogramTransformer('deit_tiny_distilled_patch16_224', patch_stride=(64, 64))
        assert two.model.num_prefix_tokens == 2
        seen = []
        two.model.norm.register_forward_hook(lambda module, args, out: seen.append(out))
        torch.testing.assert_close(run(two)[:, 0], seen[0][:, :2].mean(1))

    def test_of_a_network_of_another_kind(self) -> None:
        for name in ('test_resnet', 'swin_tiny_patch4_window7_224'):
            with pytest.raises(ConfigError, match=f'{name} is no plain vision transformer'):
                AudioSpectrogramTransformer(name)


def test_the_cache_serves_every_output(tmp_path) -> None:
    keys = [patch_key(patch) for patch in FBANK]
    for tokens in ('vector', 'map'):
        network = small_ast(tokens=tokens, frozen=True, cache_dir=str(tmp_path))
        network.cache.keeps = True
        expected = run(network)
        for _ in range(2):
            assert torch.equal(network(FBANK, keys), expected)
        assert network.cache.computed == 2
    warm = small_ast(tokens='map', frozen=True, cache_dir=str(tmp_path))
    assert torch.equal(warm(FBANK, keys), expected) and warm.cache.computed == 0


class TestPositions:
    codes = torch.arange(2 + 12 * 101.0).view(1, -1, 1)

    def test_the_middle_is_cut_out(self) -> None:
        fitted = fit_positions(self.codes, 2, (12, 9), 'x', positions='cut')
        assert fitted.shape == (1, 110, 1) and fitted[0, :2, 0].tolist() == [0, 1]
        rows = fitted[0, 2:, 0].view(12, 9)
        assert rows[0].tolist() == list(range(2 + 46, 2 + 55)) and rows[1, 0] == 2 + 101 + 46

    def test_all_are_interpolated(self) -> None:
        rows = fit_positions(self.codes, 2, (12, 9), 'x', positions='interpolate')[0, 2:, 0]
        first = rows.view(12, 9)[0]
        torch.testing.assert_close(first.diff(), torch.full((8,), 101 / 9))
        assert first.mean().item() == pytest.approx(2 + 50)
        longer = fit_positions(self.codes, 2, (12, 202), 'x', positions='cut')
        assert longer.shape == (1, 2 + 12 * 202, 1)

    def test_of_another_stride(self) -> None:
        with pytest.raises(CheckpointError, match='x: 1212 position codes .* 8 places .*stride'):
            fit_positions(self.codes, 2, (8, 9), 'x', positions='cut')


def published(network: nn.Module) -> dict[str, Tensor]:
    """The weights of a network in the layout of AST's authors, for a window of 10.24 s."""
    state = {f'module.v.{key}': value for key, value in network.state_dict().items()}
    prefix, width = network.num_prefix_tokens, network.embed_dim
    state['module.v.pos_embed'] = torch.randn(1, prefix + 12 * 101, width)
    extra = {
        'module.v.head.weight': torch.zeros(3, width),
        'module.mlp_head.1.bias': torch.zeros(3),
    }
    return state | extra


def test_files_of_the_authors(tmp_path) -> None:
    source = small_ast().model
    nn.init.normal_(source.norm.weight)
    state = published(source)
    torch.save(state, tmp_path / 'audioset.pth')
    network = AudioSpectrogramTransformer('test_vit', weights=str(tmp_path / 'audioset.pth'))
    network.init_weights()
    assert torch.equal(network.model.norm.weight, source.norm.weight)
    table = state['module.v.pos_embed'][:, 1:].unflatten(1, (12, 101))[:, :, 46:55]
    assert torch.equal(network.model.pos_embed[:, 1:], table.flatten(1, 2))
    torch.save({**state, 'module.v.other': torch.zeros(1)}, tmp_path / 'audioset.pth')
    with pytest.raises(CheckpointError, match=r'audioset\.pth does not fit .*other'):
        network.init_weights()


def test_weights_of_images(monkeypatch) -> None:
    torch.manual_seed(1)
    images = create_model('test_vit', num_classes=0, img_size=160).state_dict()
    monkeypatch.setattr(_builder, 'load_state_dict_from_hf', lambda *args, **kwargs: dict(images))
    network = small_ast(weights='timm')
    network.init_weights()
    loaded = network.model.state_dict()
    kernel = 'patch_embed.proj.weight'
    torch.testing.assert_close(loaded[kernel], images[kernel].sum(1, keepdim=True))
    assert loaded['pos_embed'].shape == (1, 1 + 9 * 12, 64)
    rest = [key for key in images if key not in (kernel, 'pos_embed')]
    assert rest and all(torch.equal(loaded[key], images[key]) for key in rest)


@cache
def transformers():
    return pytest.importorskip('transformers')


def saved(network: nn.Module, folder: Path) -> str:
    torch.save(network.state_dict(), folder / 'pytorch_model.bin')
    network.save_pretrained(folder)  # under the names of the published files
    return str(folder / 'model.safetensors')


def test_ast_is_that_of_transformers(tmp_path) -> None:
    torch.manual_seed(0)
    config = transformers().ASTConfig(
        hidden_size=192, num_hidden_layers=12, num_attention_heads=3, intermediate_size=768,
        max_length=98, layer_norm_eps=1e-6,
    )  # fmt: skip
    theirs = transformers().ASTForAudioClassification(config).eval()
    nn.init.normal_(theirs.audio_spectrogram_transformer.embeddings.position_embeddings)
    ours = AudioSpectrogramTransformer(
        'deit_tiny_distilled_patch16_224', weights=saved(theirs, tmp_path)
    ).eval()
    ours.init_weights()
    with torch.no_grad():
        images = (FBANK[:, 0] + 4.2677393) / (2 * 4.5689974)
        expected = theirs.audio_spectrogram_transformer(images)
        torch.testing.assert_close(ours(FBANK)[:, 0], expected.pooler_output, atol=2e-5, rtol=0)
        ours.tokens = 'map'
        places = expected.last_hidden_state[:, 2:].unflatten(1, (12, 9)).transpose(1, 2)
        torch.testing.assert_close(ours(FBANK), places.flatten(1, 2), atol=2e-5, rtol=0)


def test_clap_is_that_of_transformers(tmp_path) -> None:
    torch.manual_seed(0)
    theirs = transformers().ClapAudioModel(transformers().ClapAudioConfig(**SMALL_CLAP)).eval()
    theirs.audio_encoder.batch_norm.running_mean.fill_(-20)
    ours = ClapAudioEncoder(options=SMALL_CLAP, weights=saved(theirs, tmp_path))
    ours.train().init_weights()  # a frozen one stays in evaluation mode
    patches = 10 * torch.randn(1, 1, 1001, 64) - 20
    with torch.no_grad():
        expected = theirs(input_features=patches)
    assert ours.out_grid == (1, 1) and not next(ours.parameters()).requires_grad
    torch.testing.assert_close(ours(patches)[:, 0], expected.pooler_output)
    for tokens, grid in (('tokens', (32, 1)), ('map', (32, 2))):
        ours.tokens = tokens
        ours.set_grid((32, 2))
        assert ours.out_grid == grid
        assert ours(patches).shape == (1, grid[0] * grid[1], ours.out_channels)
    places = expected.last_hidden_state  # (1, D, 2, 32)
    torch.testing.assert_close(ours(patches).unflatten(1, (32, 2)), places.permute(0, 3, 2, 1))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'depth': [1]}, "no argument 'depth'; did you mean 'depths'"),
        ({'enable_fusion': True}, 'enable_fusion=True is not supported'),
        ({'num_mel_bins': 32}, 'num_mel_bins=32, but the front end has 64 bands'),
    ],
)
def test_options_of_clap(options, message) -> None:
    transformers()
    with pytest.raises(ConfigError, match=message):
        ClapAudioEncoder(options=options)


def test_clap_names_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'transformers', None)
    with DefaultScope.overwrite_default_scope('avsbench'):
        with pytest.raises(ConfigError, match=r"ClapAudioEncoder needs .*'\.\[audio\]'"):
            ClapAudioEncoder()


def test_the_page_says_what_encoders_give() -> None:
    page = (Path(__file__).resolve().parents[2] / 'docs/audio_encoders.md').read_text()
    rows = {
        row.split('`')[1]: [cell.strip() for cell in row.split('|')[2:5]]
        for row in page.splitlines()
        if row.startswith('| `')
    }
    for kind in (VGGish, AudioSpectrogramTransformer):
        outputs, front_end, params = rows[kind.__name__]
        found = []
        for tokens in kind.outputs:
            with torch.device('meta'):
                network = kind(tokens=tokens)
            rows_, columns = network.out_grid
            size = f'({rows_} x {columns})' if tokens == 'map' else f'{rows_ * columns}'
            found.append(f'{tokens} {size} x {network.out_channels}')
        count = sum(parameter.numel() for parameter in network.parameters())
        assert outputs == ', '.join(found) and params == f'{count / 1e6:.1f} M'
        assert front_end.startswith(f'`{kind.front_end}`')
