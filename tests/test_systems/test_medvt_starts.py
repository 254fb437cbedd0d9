"""What MED-VT for videos takes from made-up files in the layouts of the published ones."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor

from avsbench.checkpoint import pretrained
from avsbench.config.paths import config_file
from avsbench.models import AVSegmentor
from avsbench.registry import MODELS
from avsbench.utils.errors import CheckpointError

State = dict[str, Tensor]
WIDTH, INNER = 48, 32  # of our transformer; the file's inner width is 64
ENCODER, DECODER = 2, 4  # our layers; the file has two of each


@pytest.fixture(autouse=True)
def log(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(pretrained, 'print_log', lambda text, *_, **__: lines.append(text))
    return lines


def built(variant: str, **head_options: object) -> AVSegmentor:
    """A small network after its initialization, which is the same for equal options."""
    cfg = Config.fromfile(config_file(f'_base_/models/medvt_{variant}.py')).model
    if 'swin' in variant:
        cfg.backbone = dict(type='VideoSwin', embed_dim=8, depths=(1, 2, 1, 1), num_heads=(1,) * 4)
    else:
        cfg.backbone = dict(type='TimmBackbone', model_name='resnet18', frozen_norm=True)
    head = cfg.decode_head
    head.update({'embed_dims': WIDTH, 'weights': None, **head_options})
    head.transformer_decoder.update(num_layers=DECODER, feedforward_channels=INNER)
    for stage, layers in zip(head.context_encoder.stages, (ENCODER, 1), strict=True):
        stage.update(num_layers=layers, feedforward_channels=INNER)
    if 'between_layer' in head.context_encoder:
        head.context_encoder.between_layer.update(feedforward_channels=24)
    head.predictor.channels = (16, 8, 8)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        model = MODELS.build(cfg)
    model.init_weights()
    return model


def attention(name: str) -> dict[str, tuple[int, ...]]:
    return {
        f'{name}.in_proj_weight': (3 * WIDTH, WIDTH),
        f'{name}.in_proj_bias': (3 * WIDTH,),
        f'{name}.out_proj.weight': (WIDTH, WIDTH),
        f'{name}.out_proj.bias': (WIDTH,),
    }


def norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f'{name}.weight': (WIDTH,), f'{name}.bias': (WIDTH,)}


def layer(name: str, attentions: tuple[str, ...], norms: int) -> dict[str, tuple[int, ...]]:
    shapes = {
        f'{name}.linear1.weight': (64, WIDTH),
        f'{name}.linear1.bias': (64,),
        f'{name}.linear2.weight': (WIDTH, 64),
        f'{name}.linear2.bias': (WIDTH,),
    }
    for part in attentions:
        shapes |= attention(f'{name}.{part}')
    for number in range(norms):
        shapes |= norm(f'{name}.norm{number + 1}')
    return shapes


def vistr() -> State:
    """A file of VisTR with ResNet-18, of the names and, but for the widths, shapes published."""
    shapes = {}
    for index in range(2):
        encoder = f'vistr.transformer.encoder.layers.{index}'
        shapes |= layer(encoder, ('self_attn',), 2)
        decoder = f'vistr.transformer.decoder.layers.{index}'
        shapes |= layer(decoder, ('self_attn', 'multihead_attn'), 3)
    shapes |= norm('vistr.transformer.decoder.norm')
    for name in ('q_linear', 'k_linear'):
        shapes |= {f'bbox_attention.{name}.weight': (WIDTH, WIDTH)}
        shapes |= {f'bbox_attention.{name}.bias': (WIDTH,)}
    shapes |= {'vistr.input_proj.weight': (WIDTH, 512, 1, 1), 'vistr.input_proj.bias': (WIDTH,)}
    shapes |= {'vistr.query_embed.weight': (360, WIDTH), 'mask_head.lay1.weight': (8, 8, 3, 3)}
    shapes |= {'vistr.input_proj_2.weight': (WIDTH, 256, 1, 1), 'insmask_head.0.weight': (2, 2)}
    generator = torch.Generator().manual_seed(7)
    return {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def saved(state: State, folder: Path, key: str = 'model') -> str:
    torch.save({key: state}, folder / 'start.pth')
    return str(folder / 'start.pth')


NAMES = (
    ('self_attn.', 'attn.'),
    ('linear1.', 'ffn.fc1.'),
    ('linear2.', 'ffn.fc2.'),
)


def expected_layers(file: State) -> State:
    """Encoder, decoder and object attention as they should arrive."""
    found = {}
    for key, tensor in file.items():
        if match := re.match(r'vistr.transformer.(encoder|decoder).layers.(\d).(.+)', key):
            part, index, rest = match[1], int(match[2]), match[3]
            if rest.startswith('linear1'):
                tensor = tensor[:INNER]
            elif rest == 'linear2.weight':
                tensor = tensor[:, :INNER]
            for theirs, ours in NAMES[part == 'decoder' :]:
                rest = rest.replace(theirs, ours)
            rest = rest.replace('multihead_attn', 'cross_attn')
            if part == 'encoder':
                found[f'context_encoder.stages.0.{index}.{rest}'] = tensor
            else:  # the file's last layer also starts the two beyond it
                for number in (0,) if index == 0 else (1, 2, 3):
                    found[f'queries.transformer_decoder.layers.{number}.{rest}'] = tensor
    for name in ('weight', 'bias'):
        found[f'queries.transformer_decoder.norm.{name}'] = file[
            f'vistr.transformer.decoder.norm.{name}'
        ]
        for linear in ('q_linear', 'k_linear'):
            found[f'queries.object_attention.{linear}.{name}'] = file[
                f'bbox_attention.{linear}.{name}'
            ]
    return found


def assert_state(found: State, expected: State) -> None:
    assert found.keys() == expected.keys()
    different = [key for key in expected if not torch.equal(found[key], expected[key])]
    assert different == []


@pytest.mark.parametrize('variant', ['swinb_avos', 'swinb_a2d'])
def test_transformer_of_swin(variant: str, tmp_path, log) -> None:
    file = vistr()
    head = built(variant, weights=saved(file, tmp_path)).decode_head
    kept = built(variant).decode_head.state_dict()
    assert_state(head.state_dict(), kept | expected_layers(file))
    assert 'COCO weights of the transformer: loaded' in log[0]
    assert 'left out of the file: vistr.input_proj.weight' in log[0]
    assert 'left as initialized: projections.0.weight' in log[0]


def test_transformer_of_resnet(tmp_path) -> None:
    file = vistr()
    head = built('resnet101_avos', weights=saved(file, tmp_path), same_backbone=True).decode_head
    expected = expected_layers(file)
    for name in ('weight', 'bias'):
        expected[f'projections.1.{name}'] = file[f'vistr.input_proj.{name}']
    first = 'context_encoder.stages.0.0.'
    for key in [key for key in expected if key.startswith(first)]:
        rest = key.removeprefix(first)
        if rest not in ('ffn.fc1.weight', 'ffn.fc1.bias', 'ffn.fc2.weight'):
            expected[f'context_encoder.stages.1.0.{rest}'] = expected[key]
            expected[f'context_encoder.between.0.{rest}'] = expected[key]
    kept = built('resnet101_avos').decode_head.state_dict()
    assert_state(head.state_dict(), kept | expected)
    assert {key for key in expected if key.startswith('context_encoder.between')}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda file: file.pop('bbox_attention.q_linear.bias'), r'1 missing: queries.object_atte'),
        (
            lambda file: file.update({'vistr.transformer.encoder.layers.2.norm1.weight': file[
                'vistr.transformer.encoder.layers.0.norm1.weight'
            ]}),
            r'1 not in the network: context_encoder.stages.0.2.norm1.weight',
        ),
        (
            lambda file: file.update({'vistr.transformer.decoder.norm.bias': torch.zeros(3)}),
            r'1 of another shape: queries.transformer_decoder.norm.bias',
        ),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit(change, message: str, tmp_path) -> None:
    file = vistr()
    change(file)
    with pytest.raises(CheckpointError, match=f'start.pth does not fit MEDVTVideoHead: {message}'):
        built('swinb_avos', weights=saved(file, tmp_path))


def test_a_missing_file(tmp_path) -> None:
    path = str(tmp_path / '384_coco_r101.pth')
    model = built('swinb_avos', weights=path, require_weights=False)
    assert model.missing_pretrained == [path]
    model.backbone.missing_weights = path
    assert model.missing_pretrained == [path]  # a file that two parts share is named once
    with pytest.raises(CheckpointError, match='384_coco_r101.pth'):
        built('swinb_avos', weights=path)


def test_backbone_of_resnet(tmp_path, log) -> None:
    with DefaultScope.overwrite_default_scope('avsbench'):
        source = MODELS.build({'type': 'TimmBackbone', 'model_name': 'resnet18'})
        cfg = {'type': 'TimmBackbone', 'model_name': 'resnet18', 'frozen_norm': True}
        path = tmp_path / 'start.pth'
        backbone = MODELS.build({**cfg, 'weights': str(path)})
    wanted = {k: torch.randn(v.shape) for k, v in backbone.model.state_dict().items()}
    assert wanted.keys() < source.model.state_dict().keys()  # frozen ones do not count
    saved(vistr() | {f'vistr.backbone.0.body.{key}': wanted[key] for key in wanted}, tmp_path)
    backbone.init_weights()
    assert_state(backbone.model.state_dict(), wanted)
    assert 'left out of the file: vistr.transformer.encoder' in log[-1]
    saved(vistr() | {'vistr.backbone.0.body.conv1.weight': wanted['conv1.weight']}, tmp_path)
    with pytest.raises(CheckpointError, match='does not fit .* missing: bn1.weight'):
        backbone.init_weights()


def swin_file(state: State, depth: int) -> tuple[State, State]:
    """A classifier of videos in the published names, and what should arrive of it."""
    generator = torch.Generator().manual_seed(3)
    file = {'backbone.norm.weight': torch.randn(depth), 'backbone.norm.bias': torch.randn(depth)}
    expected = {}
    for key, tensor in state.items():
        if match := re.fullmatch(r'norms.\d.(\w+)', key):
            expected[key] = file[f'backbone.norm.{match[1]}'][: len(tensor)]
            continue
        shape = list(tensor.shape)
        if key == 'patch_embed.proj.weight':
            shape[2] = 2  # frames of a patch
        value = expected[key] = torch.randn(shape, generator=generator)
        if key == 'patch_embed.proj.weight':
            expected[key] = value[:, :, :1]
        name = re.sub(
            r'features.(\d).(\d+).', lambda m: f'layers.{int(m[1]) // 2}.blocks.{m[2]}.', key
        )
        name = re.sub(r'features.(\d).', lambda m: f'layers.{int(m[1]) // 2}.downsample.', name)
        name = name.replace('mlp.0.', 'mlp.fc1.').replace('mlp.3.', 'mlp.fc2.')
        file[f'backbone.{name}'] = value
    index = 'backbone.layers.0.blocks.0.attn.relative_position_index'
    return file | {
        'cls_head.fc_cls.weight': torch.randn(400, depth),
        index: torch.zeros(2, 2),
    }, expected


class TestVideoSwin:
    def build(self, path: str | None) -> torch.nn.Module:
        cfg = dict(type='VideoSwin', embed_dim=8, depths=(1, 2, 1, 1), num_heads=(1,) * 4)
        with DefaultScope.overwrite_default_scope('avsbench'):
            return MODELS.build({**cfg, 'weights': path})

    def test_every_tensor_arrives(self, tmp_path, log) -> None:
        backbone = self.build(str(tmp_path / 'start.pth'))
        file, expected = swin_file(backbone.state_dict(), 64)
        saved(file, tmp_path, 'state_dict')
        backbone.init_weights()
        assert_state(backbone.state_dict(), expected)
        assert 'left out of the file: cls_head.fc_cls.weight, backbone.layers.0' in log[0]

    def test_a_file_that_does_not_fit(self, tmp_path) -> None:
        backbone = self.build(str(tmp_path / 'start.pth'))
        file, _ = swin_file(backbone.state_dict(), 64)
        del file['backbone.layers.1.blocks.1.norm1.bias']
        file['backbone.layers.0.blocks.7.norm1.bias'] = torch.zeros(8)
        file['backbone.patch_embed.proj.bias'] = torch.zeros(9)
        saved(file, tmp_path, 'state_dict')
        with pytest.raises(
            CheckpointError,
            match=r'1 missing: features.2.1.norm1.bias; 1 not in the network: features.0.7.norm1'
            r'.bias; 1 of another shape: patch_embed.proj.bias',
        ):
            backbone.init_weights()
