import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor

from avsbench.checkpoint import find_adapter
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT, config_file
from avsbench.engine.param_groups import ModuleKindOptimWrapperConstructor
from avsbench.models import FrameTargets, TimmBackbone, VGGish
from avsbench.registry import MODELS
from avsbench.systems.vct.backbone import NormedLevels
from avsbench.systems.vct.head import VCTHead
from avsbench.systems.vct.keys import VCT
from avsbench.systems.vct.prototype_loss import PrototypeAudioLoss
from avsbench.systems.vct.queries import HardAssignment, PrototypeQueryGenerator
from avsbench.utils.errors import ConfigError, DataError

CHANNELS = [8, 12, 16, 24]


def make_head(**changed) -> VCTHead:
    torch.manual_seed(0)
    cfg = load_config(config_file('s4/vct_demo.py')).model.decode_head
    sizes = {'in_channels': CHANNELS, 'audio_channels': 10, 'audio_grid': (3, 2)}
    return MODELS.build({**cfg, **sizes, **changed})


def make_inputs(frames: int) -> tuple[list[Tensor], Tensor]:
    torch.manual_seed(1)
    features = [
        torch.randn(frames, channels, side, side)
        for channels, side in zip(CHANNELS, [16, 8, 4, 2], strict=True)
    ]
    return features, torch.randn(frames, 6, 10)


def make_assignment() -> HardAssignment:
    """Queries, keys and values as they are, so that the choice is that of the largest product."""
    layer = HardAssignment(2)
    for part in (layer.q_proj, layer.k_proj, layer.v_proj, layer.proj):
        torch.nn.init.eye_(part.weight)
        torch.nn.init.zeros_(part.bias)
    torch.nn.init.constant_(layer.proj.bias, 0.5)
    return layer


QUERIES = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-9.0, -9.0]]])
PIXELS = torch.tensor([[[4.0, 1.0], [2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]])


def test_a_query_gets_its_positions_over_their_number_plus_one() -> None:
    grouped, chosen = make_assignment().eval()(QUERIES, PIXELS)
    assert chosen.tolist() == [[0, 0, 1, 0]]  # the first one of equals
    expected = torch.tensor([[[7 / 4, 2 / 4], [0.0, 3 / 2], [0.0, 0.0]]]) + 0.5
    torch.testing.assert_close(grouped, expected)


def test_noise_decides_in_training_alone() -> None:
    layer = make_assignment()
    noise = torch.zeros(1, 3, 4)
    noise[0, 2, 1] = 100
    layer.noise = lambda shape, device: noise
    assert layer(QUERIES, PIXELS)[1].tolist() == [[0, 2, 1, 0]]
    assert layer.eval()(QUERIES, PIXELS)[1].tolist() == [[0, 0, 1, 0]]


def test_the_gradient_is_that_of_the_softmax_with_the_same_noise() -> None:
    layer = make_assignment()
    torch.manual_seed(0)
    noise = torch.randn(1, 3, 4)
    layer.noise = lambda shape, device: noise
    queries = QUERIES.clone().requires_grad_()
    layer(queries, PIXELS)[0].square().sum().backward()
    soft_queries = QUERIES.clone().requires_grad_()
    soft = (soft_queries @ PIXELS.mT / math.sqrt(2) + noise).softmax(1)
    hard = F.one_hot(soft.argmax(1), 3).mT.float()
    weights = hard.detach().requires_grad_()
    grouped = weights / (weights.sum(-1, keepdim=True) + 1) @ PIXELS + 0.5
    grouped.square().sum().backward()
    soft.backward(weights.grad)
    torch.testing.assert_close(queries.grad, soft_queries.grad)


def test_noise_is_gumbels() -> None:
    torch.manual_seed(0)
    noise = make_assignment().noise(torch.Size((1, 100, 1000)), torch.device('cpu'))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(noise.std()) == pytest.approx(math.pi / math.sqrt(6), abs=0.02)


def test_the_assignment_is_in_full_precision_under_autocast() -> None:
    layer = make_assignment()
    seen = []
    layer.noise = lambda shape, device: torch.zeros(shape)
    choose = layer._choose
    layer._choose = lambda similarity: seen.append(similarity.dtype) or choose(similarity)
    with torch.autocast('cpu', torch.bfloat16):
        layer(QUERIES, PIXELS)
    assert seen == [torch.float32]


def test_a_map_of_another_size_is_an_error() -> None:
    generator = PrototypeQueryGenerator(8, 5, (4, 6), num_prototypes=3)
    assert generator(torch.randn(2, 8, 4, 6)).shape == (2, 5, 8)
    with pytest.raises(ConfigError, match=r'\(4, 4\), the network mixes .*\(4, 6\).*ClipResize'):
        generator(torch.randn(2, 8, 4, 4))


def test_without_prototypes_queries_come_from_the_map_alone() -> None:
    generator = PrototypeQueryGenerator(8, 5, (4, 4), num_prototypes=None)
    assert not [name for name in generator.state_dict() if 'proto' in name or 'norm' in name]
    assert generator(torch.randn(2, 8, 4, 4)).shape == (2, 5, 8)


def make_loss(**changed) -> PrototypeAudioLoss:
    torch.manual_seed(0)
    loss = PrototypeAudioLoss(4, 3, **changed)
    loss.init_weights()
    return loss


def expected_loss(loss: PrototypeAudioLoss, audio: Tensor, prototypes: Tensor, wanted) -> Tensor:
    a, p = audio @ loss.audio_proj.weight.T, prototypes @ loss.prototype_proj.weight.T
    a, p = a / a.norm(dim=1, keepdim=True), p / p.norm(dim=1, keepdim=True)
    return F.binary_cross_entropy_with_logits(a @ p.T / 0.07, torch.tensor(wanted))


def test_prototypes_of_categories() -> None:
    loss = make_loss(categories=['cat', 'dog', 'car'])
    audio, prototypes, labels = torch.randn(3, 4), torch.randn(3, 4), torch.zeros(3, 2, 2).long()
    found = loss(audio, prototypes, labels, ['car', None, 'cat'])
    wanted = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    torch.testing.assert_close(found, expected_loss(loss, audio[[0, 2]], prototypes, wanted))
    with pytest.raises(DataError, match="category 'bat', which is none of the 3 .*mean 'cat'"):
        loss(audio, prototypes, labels, ['bat', 'dog', 'cat'])
    nothing = loss(audio, prototypes, labels, [None] * 3)
    nothing.backward()
    assert float(nothing.detach()) == 0 and loss.logit_scale.grad is not None
    with pytest.raises(ConfigError, match='2 categories for 3 prototypes'):
        make_loss(categories=['cat', 'dog'])


def test_prototypes_of_classes_count_the_background_and_no_padding() -> None:
    loss = make_loss(loss_weight=2.0)
    audio, prototypes = torch.randn(2, 4), torch.randn(3, 4)
    labels = torch.tensor([[[0, 0], [2, 255]], [[1, 1], [255, 255]]])
    found = loss(audio, prototypes, labels, [None, None])
    wanted = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    torch.testing.assert_close(found, 2 * expected_loss(loss, audio, prototypes, wanted))


def test_the_head_takes_prototypes_that_fit_its_loss() -> None:
    generator = {'type': 'PrototypeQueryGenerator', 'num_prototypes': None}
    with pytest.raises(ConfigError, match='loss_prototype needs prototypes'):
        make_head(query_generator=generator)
    with pytest.raises(ConfigError, match='8 prototypes for 1 classes'):
        make_head(loss_prototype={'type': 'PrototypeAudioLoss'})


def test_annotated_frames_have_the_category_of_their_clip() -> None:
    head = make_head().eval()
    output = head(*make_inputs(5), (3, 2))
    seen = []
    head.loss_prototype.register_forward_pre_hook(lambda module, args: seen.append(args))
    masks = torch.zeros(5, 64, 64).long()
    annotated = torch.tensor([True, False, False, True, True])
    losses = head.loss(output, FrameTargets(masks, annotated, None, ('solid_disc', 'rings_disc')))
    audio, prototypes, labels, categories = seen[0]
    assert categories == ['solid_disc', 'rings_disc', 'rings_disc'] and len(labels) == 3
    torch.testing.assert_close(audio, output.audio_feature[annotated])
    assert prototypes is head.query_generator.prototypes.weight
    assert len(losses) == 3 * 5 + 1 and float(losses['loss_proto']) > 0
    assert float(head.loss(output, FrameTargets(masks, annotated))['loss_proto']) == 0
    assert 'loss_proto' not in make_head(loss_prototype=None).loss(
        output, FrameTargets(masks, annotated)
    )


def test_every_parameter_gets_a_gradient() -> None:
    head = make_head()
    output = head(*make_inputs(2), (2,))
    labels = torch.zeros(2, 64, 64).long()
    labels[:, 20:40, 20:40] = 1
    targets = FrameTargets(labels, torch.tensor([True, True]), None, ('solid_disc',))
    sum(head.loss(output, targets).values()).backward()
    assert [name for name, part in head.named_parameters() if part.grad is None] == []


def test_layers_read_the_sound_unmasked_and_the_levels_inside_their_masks() -> None:
    head = make_head()
    seen = []
    for layer in head.transformer_decoder.layers:
        layer.register_forward_pre_hook(
            lambda module, args, kwargs: seen.append((args[1].shape[1], kwargs['memory_mask'])),
            with_kwargs=True,
        )
    head(*make_inputs(2), (2,))
    assert [tokens for tokens, _ in seen] == [6, 4, 16, 64]
    assert [mask is None for _, mask in seen] == [True, False, False, False]


def test_a_frame_does_not_depend_on_its_batch() -> None:
    head = make_head().eval()
    features, audio = make_inputs(3)
    together = head(features, audio, (2, 1))
    alone = head([level[2:] for level in features], audio[2:], (1,))
    for name in ('cls_logits', 'mask_logits'):
        found, expected = getattr(alone, name), getattr(together, name)[:, 2:]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    louder = head(features, 3 * audio, (2, 1))
    assert not torch.allclose(louder.cls_logits, together.cls_logits, atol=1e-4)


def test_scores_are_summed_at_the_size_of_the_frames() -> None:
    head = make_head().eval()
    output = head(*make_inputs(1), (1,))
    whole = head.score_maps(output, (64, 64))
    expected = F.interpolate(whole, (24, 40), mode='bilinear', align_corners=False)
    torch.testing.assert_close(head.score_maps(output, (24, 40)), expected)
    masks = F.interpolate(output.mask_logits[-1], (64, 64), mode='bilinear', align_corners=False)
    classes = output.cls_logits[-1].softmax(-1)[..., :-1]
    torch.testing.assert_close(whole, torch.einsum('nqk,nqhw->nkhw', classes, masks.sigmoid()))
    logits = head.predict(output, (24, 40))
    torch.testing.assert_close(logits, expected[:, 1:] - expected[:, :1])


def test_levels_are_normalised_over_their_channels() -> None:
    backbone = NormedLevels({'type': 'TimmBackbone', 'model_name': 'resnet18'}).eval()
    frames = torch.randn(1, 3, 64, 64)
    for level, inner in zip(backbone(frames), backbone.backbone(frames), strict=True):
        centred = inner - inner.mean(1, keepdim=True)
        expected = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(level, expected, atol=1e-4, rtol=1e-4)


def test_swin_shifts_windows_of_a_single_window() -> None:
    torch.manual_seed(0)
    name = 'swin_tiny_patch4_window7_224'
    shifted = TimmBackbone(name, options={'always_partition': True}).eval()
    plain = TimmBackbone(name).eval()
    plain.load_state_dict(shifted.state_dict())
    frames = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        pairs = list(zip(shifted(frames), plain(frames), strict=True))
    for level, other in pairs[:-1]:
        torch.testing.assert_close(level, other)
    assert not torch.allclose(*pairs[-1], atol=1e-3)


def full_size(subset: str) -> tuple[Config, torch.nn.Module]:
    cfg = load_config(CONFIG_ROOT / subset / 'vct_swinb.py')
    with DefaultScope.overwrite_default_scope('avsbench'), torch.device('meta'):
        return cfg, MODELS.build(cfg.model)


def test_optimizer_groups_of_the_published_recipe() -> None:
    cfg, model = full_size('s4')
    wrapper = {key: value for key, value in cfg.optim_wrapper.items() if key != 'constructor'}
    paramwise = wrapper.pop('paramwise_cfg')
    with DefaultScope.overwrite_default_scope('avsbench'):
        optimizer = ModuleKindOptimWrapperConstructor(wrapper, paramwise)(model).optimizer
    counts: dict[tuple[float, float], list[int]] = {}
    for group in optimizer.param_groups:
        for parameter in (part for part in group['params'] if part.requires_grad):
            found = counts.setdefault((round(group['lr'], 8), group['weight_decay']), [0, 0])
            found[0] += parameter.numel()
            found[1] += 1
    assert counts == {
        (1e-5, 0.05): [173244160, 394],
        (1e-5, 0.0): [118784 + 397808, 224 + 48],
        (1e-4, 0.0): [23552 + 58112, 92 + 4],
        (1e-4, 0.05): [43866400, 248],
    }


def test_ms3_has_no_prototypes_and_the_published_number_of_entries() -> None:
    _, model = full_size('ms3')
    published = VCT.to_published(model.state_dict())
    assert len(published) == 1067 and find_adapter(published) is VCT
    assert sum(part.numel() for part in model.parameters()) == 289449359
    assert not [key for key in published if 'proto' in key or 'logit_scale' in key]


def test_the_map_of_vggish() -> None:
    torch.manual_seed(0)
    encoder = VGGish(tokens='map')
    patches = torch.randn(2, 1, 96, 64)
    tokens = encoder(patches)
    assert tokens.shape == (2, 24, 512) and (encoder.out_channels, encoder.out_grid) == (
        512,
        (6, 4),
    )
    torch.testing.assert_close(tokens[:, 4 * 2 + 3], encoder.features(patches)[:, :, 2, 3])
    assert set(encoder.state_dict()) == set(VGGish().state_dict())
    with pytest.raises(ConfigError, match="tokens='vector'"):
        VGGish(tokens='map', pca=True)


def test_heads_that_read_one_audio_token_refuse_a_map() -> None:
    cfg = load_config(config_file('s4/combo_demo.py')).model
    cfg.audio_encoder = {'type': 'VGGish', 'tokens': 'map'}
    with (
        DefaultScope.overwrite_default_scope('avsbench'),
        pytest.raises(ConfigError, match='ComboHead reads one audio token.*VGGish gives 6 x 4'),
    ):
        MODELS.build(cfg)
