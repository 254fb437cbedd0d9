import pytest
import torch
from mmengine.registry import DefaultScope
from system_cases import build_demo
from torch import Tensor

from avsbench.checkpoint import find_adapter
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.engine.param_groups import ModuleKindOptimWrapperConstructor
from avsbench.models import AVSegmentor, FrameTargets
from avsbench.registry import MODELS
from avsbench.systems.ease.aligner import AudioVisualAligner
from avsbench.systems.ease.clusters import GumbelClusters
from avsbench.systems.ease.enhancer import SoundEnhancer
from avsbench.systems.ease.head import mask_probability
from avsbench.systems.ease.keys import EASE, EASE_PVT
from avsbench.systems.ease.upscaler import TokenUpscaler
from avsbench.utils.errors import ConfigError

SIZE = 64
QUERIES = 17


def inputs(frames: int = 2) -> dict:
    torch.manual_seed(1)
    return {
        'frames': torch.randn(frames, 3, SIZE, SIZE),
        'audio': 3 * torch.randn(frames, 1, 96, 64),
        'clip_lengths': (frames,),
    }


def give(numbers: Tensor):
    return lambda purpose, shape, device: numbers.expand(shape)


def test_noise_is_drawn_in_tests_by_name_alone() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(2, 3, 4)
    for noise, in_tests in (('train', False), ('always', True)):
        clusters = GumbelClusters(5, 4, noise).eval()
        plain = (tokens @ clusters.centres.weight.T).softmax(-1)
        numbers = torch.randn(2, 3, 5)
        clusters.draw = give(numbers)
        noisy = (tokens @ clusters.centres.weight.T + numbers).softmax(-1)
        torch.testing.assert_close(clusters(tokens, 'x'), noisy if in_tests else plain)
        torch.testing.assert_close(clusters.train()(tokens, 'x'), noisy)
    with pytest.raises(ConfigError, match="noise='alway', expected .*mean 'always'"):
        GumbelClusters(5, 4, 'alway')


def test_the_enhancer_by_hand() -> None:
    torch.manual_seed(0)
    enhancer = SoundEnhancer(6, 4, num_centres=7, num_tokens=2).eval()
    audio = torch.randn(1, 1, 6)
    a = enhancer.audio_proj(audio)[0, 0]
    weights = (enhancer.clusters.centres.weight @ a).softmax(0)
    order = weights.argsort(descending=True)[:2]
    gelu = torch.nn.functional.gelu
    edges = [gelu(enhancer.edge1(enhancer.clusters.centres.weight[k] - a)) for k in order]
    shares = torch.stack([enhancer.weight1(edge) for edge in edges]).softmax(0)
    expected = []
    for k, edge, share in zip(order, edges, shares, strict=True):
        token = (1 + enhancer.offset1(a + edge * share).tanh()) * a
        second = gelu(enhancer.edge2(weights[k] * a - token))
        expected.append((1 + enhancer.offset2(token + second).tanh()) * token)
    torch.testing.assert_close(enhancer(audio)[0], torch.stack(expected))


def test_the_aligner_by_hand() -> None:
    torch.manual_seed(0)
    aligner = AudioVisualAligner(4, 6, num_heads=1, num_clusters=3).eval()
    patches, audio = torch.randn(1, 5, 4), torch.randn(1, 2, 6)
    centres = aligner.clusters.centres.weight
    mixed = (patches[0] @ centres.T).softmax(-1) @ centres
    projected = aligner.audio_proj(audio)[0]
    read = aligner.audio_attn
    weights = (read.q_proj(projected) @ read.k_proj(mixed).T / 2).softmax(-1)
    shares = aligner.gate(weights @ read.v_proj(mixed)).softmax(0)
    vector = (shares * projected).sum(0)
    ask = aligner.patch_attn
    asked = (ask.q_proj(patches[0]) @ ask.k_proj(vector) / 2).sigmoid()
    expected = patches[0] + asked[:, None] * ask.v_proj(vector)
    torch.testing.assert_close(aligner(patches, audio, 'x')[0], expected)


def test_dropout_is_of_whole_channels_and_in_training_alone() -> None:
    upscaler = TokenUpscaler(3, num_doublings=2, dropout=0.25)
    maps = torch.randn(2, 3, 4, 5)
    plain = upscaler.eval()(maps, '0')
    assert plain.shape == (2, 3, 16, 20)
    upscaler.draw = give(torch.tensor([0.2, 0.25, 0.9]).view(1, 3, 1, 1))
    expected = plain * torch.tensor([0.0, 4 / 3, 4 / 3]).view(1, 3, 1, 1)
    torch.testing.assert_close(upscaler.train()(maps, '0'), expected)


def test_masks_go_block_by_block() -> None:
    kept = [mask_probability(step, 100, 0.2, 0.4) for step in (0, 19, 20, 30, 39, 40, 99)]
    assert kept == pytest.approx([1, 1, 1, 0.5**0.9, 0.05**0.9, 0, 0])
    head = build_demo('ease').decode_head
    assert head.mask_probabilities.tolist() == [1, 1]
    head.set_progress(60, 100)
    assert head.mask_probabilities.tolist() == pytest.approx([0, 0.5**0.9])
    with pytest.raises(ConfigError, match='EaseHead.*expected two parts of the training'):
        build_demo('ease', mask_phases=[(0.4, 0.2)])


@torch.no_grad()
def test_queries_see_the_inside_of_their_masks_unless_they_are_let_out() -> None:
    model = build_demo('ease')
    head, state = model.decode_head, model.backbone(inputs()['frames'])
    masks = torch.full((2, QUERIES, 16, 16), -1.0)
    masks[:, :, :4, :8] = 1  # 2 x 4 of the 8 x 8 patches
    head.mask_probabilities[:] = torch.tensor([1.0, 0.5])
    head.draw = give(torch.linspace(0, 0.99, QUERIES))
    length = QUERIES + 64
    first, second = (head.attention_mask(state, masks, joint, length)[:, 0] for joint in (0, 1))
    assert first.shape == (2, length, length)
    assert first[:, QUERIES:].all() and first[:, :, :QUERIES].all()
    inside = first[0, 0, QUERIES:].view(8, 8)
    assert inside[:2, :4].all() and inside.sum() == 8
    let_out = second[0, :QUERIES].all(-1)
    assert let_out.tolist() == [number > 0.5 for number in torch.linspace(0, 0.99, QUERIES)]


def test_predictions_before_each_joint_block_are_made_in_training() -> None:
    model = build_demo('ease')
    with torch.no_grad():
        tested, trained = model(inputs()), model.train()(inputs())
    assert tested.cls_logits.shape == (1, 2, QUERIES, 3)
    assert trained.mask_logits.shape == (3, 2, QUERIES, 16, 16)


def test_every_parameter_gets_a_gradient() -> None:
    model = build_demo('ease').train()
    output = model(inputs())
    labels = torch.zeros(2, SIZE, SIZE).long()
    labels[:, 20:40, 20:40] = 1
    losses = model.decode_head.loss(output, FrameTargets(labels, torch.tensor([True, True])))
    assert len(losses) == 9
    sum(losses.values()).backward()
    assert [name for name, part in model.named_parameters() if part.grad is None] == []


@torch.no_grad()
def test_patches_read_the_sound_before_blocks_and_late() -> None:
    """What is left out changes the result; a late reading is behind the normalisation, or not."""
    found = {}
    for late in ('none', 'before_norm', 'after_norm'):
        for blocks in ((-3, -1), (-1,)):
            model = build_demo('ease', late_fusion=late, fusion_blocks=blocks)
            calls = []
            model.decode_head.aligner.register_forward_hook(
                lambda module, args, out, calls=calls: calls.append(args[2])
            )
            found[late, blocks] = model(inputs()).mask_logits
            number = len(blocks) + (late != 'none')
            assert calls == [f'aligner/{index}' for index in range(number)]
    results = list(found.values())
    for index, one in enumerate(results):
        for other in results[index + 1 :]:
            assert not torch.allclose(one, other, atol=1e-5)


def test_the_backbone_stops_in_time() -> None:
    model = build_demo('ease', fusion_blocks=(-4,))
    with pytest.raises(ConfigError, match='set model.backbone.stop_block=-4'):
        model(inputs())


@torch.no_grad()
def test_scores_are_summed_at_the_size_of_the_frames() -> None:
    model = build_demo('ease')
    head, output = model.decode_head, model(inputs(1))
    whole = head.score_maps(output, (SIZE, SIZE))
    resized = torch.nn.functional.interpolate
    expected = resized(whole, (24, 40), mode='bilinear', align_corners=False)
    torch.testing.assert_close(head.score_maps(output, (24, 40)), expected)
    logits = head.predict(output, (24, 40))
    torch.testing.assert_close(logits, expected[:, 1:] - expected[:, :1])


def full_size(leaf: str) -> tuple[dict, AVSegmentor]:
    cfg = load_config(CONFIG_ROOT / leaf)
    with DefaultScope.overwrite_default_scope('avsbench'), torch.device('meta'):
        return cfg, MODELS.build(cfg.model)


def test_rates_of_the_published_recipe() -> None:
    cfg, model = full_size('s4/ease_vitb.py')
    wrapper = {key: value for key, value in cfg.optim_wrapper.items() if key != 'constructor'}
    wrapper['type'] = 'OptimWrapper'
    paramwise = wrapper.pop('paramwise_cfg')
    with DefaultScope.overwrite_default_scope('avsbench'):
        optimizer = ModuleKindOptimWrapperConstructor(wrapper, paramwise)(model).optimizer
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(group['params'][0])]: group for group in optimizer.param_groups}
    rates = {
        'backbone.model.cls_token': 0.8**11,
        'backbone.model.blocks.0.attn.q_proj.weight': 0.8**11,
        'backbone.model.blocks.7.norm1.weight': 0.8**4,
        'backbone.model.blocks.8.norm1.weight': 1.0,
        'backbone.model.norm.bias': 1.0,
        'decode_head.query_feature.weight': 1.0,
    }
    for name, rate in rates.items():
        assert found[name]['lr'] == pytest.approx(2e-4 * rate), name
        assert found[name]['part'] == ('backbone' if 'backbone' in name else 'new')
    assert {group['weight_decay'] for group in optimizer.param_groups} == {0.05}


@pytest.mark.parametrize(
    ('leaf', 'adapter', 'entries', 'parameters'),
    [
        ('avss/ease_vitb.py', EASE, 287, 100331977),
        ('s4/ease_vitl.py', EASE, 491, 325745540),
        ('avss/ease_pvt2.py', EASE_PVT, 1050, 73843209),
    ],
)
def test_published_numbers_of_entries_and_parameters(leaf, adapter, entries, parameters) -> None:
    _, model = full_size(leaf)
    published = adapter.to_published(model.state_dict())
    assert len(published) == entries and find_adapter(published) is adapter
    ours = sum(part.numel() for part in model.parameters())
    ours -= sum(part.numel() for part in model.audio_encoder.parameters())
    without_effect = ('network.audio_enhance.fusion_s2.weight', 'network.fuser.fc.bias')
    assert ours + sum(published[key].numel() for key in without_effect) == parameters
