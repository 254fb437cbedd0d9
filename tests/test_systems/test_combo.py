import itertools

import pytest
import torch
import torch.nn.functional as F

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models.heads import FrameTargets
from avsbench.models.losses.matching import assign
from avsbench.registry import MODELS
from avsbench.systems.combo.backbone import SiameseBackbone
from avsbench.systems.combo.consistency import InterFrameConsistencyLoss
from avsbench.systems.combo.criterion import (
    MaskSetCriterion,
    mask_targets,
    sample_points,
    uncertain_points,
)
from avsbench.systems.combo.fusion import BilateralFusion
from avsbench.systems.combo.head import ComboHead
from avsbench.utils.errors import ConfigError, DataError

CHANNELS = [8, 12, 16, 24]


def make_head(**changed) -> ComboHead:
    torch.manual_seed(0)
    cfg = load_config(config_file('s4/combo_demo.py')).model.decode_head
    return MODELS.build({**cfg, 'in_channels': CHANNELS, 'audio_channels': 10, **changed})


def make_inputs(frames: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    torch.manual_seed(1)
    sides = [16, 8, 4, 2]
    features = [
        torch.randn(frames, channels, side, side)
        for channels, side in zip(CHANNELS, sides, strict=True)
    ]
    return features, torch.randn(frames, 1, 10)


def test_assignment_is_the_cheapest() -> None:
    torch.manual_seed(0)
    cost = torch.randn(5, 3)
    padded = torch.stack((cost, torch.randn(5, 3)))
    (queries, targets), (other, first) = assign(padded, [3, 1])
    assert other.tolist() == [int(padded[1, :, 0].argmin())] and first.tolist() == [0]
    best = min(
        sum(float(cost[q, t]) for t, q in enumerate(order))
        for order in itertools.permutations(range(5), 3)
    )
    assert float(cost[queries, targets].sum()) == pytest.approx(best)
    assert queries.tolist() == sorted(queries.tolist()) and sorted(targets.tolist()) == [0, 1, 2]
    cost[0] = float('nan')
    assert 0 not in assign(cost[None], [3])[0][0]


def test_points_are_read_bilinearly_and_zero_outside() -> None:
    picture = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    points = torch.tensor([[[0.25, 0.25], [0.5, 0.5], [0.75, 0.25], [2.0, 2.0]]])
    expected = torch.tensor([[1.0, 2.5, 2.0, 0.0]])
    torch.testing.assert_close(sample_points(picture, points), expected)
    many = torch.cat((picture, 2 * picture))
    torch.testing.assert_close(sample_points(many, points), torch.cat((expected, 2 * expected)))
    torch.testing.assert_close(
        sample_points(many, points.expand(2, -1, -1)), torch.cat((expected, 2 * expected))
    )
    signed = torch.tensor([[[-5.0, 0.1], [3.0, 4.0]]])
    kept = uncertain_points(signed, points[:, [0, 2]], 1)
    torch.testing.assert_close(kept, points[:, [2]])


def test_criterion_by_hand_on_the_grid() -> None:
    criterion = MaskSetCriterion(2, num_points=0)
    cls_logits = torch.tensor([[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]])
    wanted = torch.tensor([[[0, 0], [1, 1]]])
    masks = torch.stack([5.0 - 10 * wanted[0], 10.0 * wanted[0] - 5, torch.zeros(2, 2)])[None]
    found = mask_targets(wanted)
    targets = found.masks[0]
    assert found.classes.tolist() == [[0, 1]] and found.counts == [2]
    losses = criterion(cls_logits[None], masks[None], found)[0]
    queries, indices = criterion.match(cls_logits[None], masks[None], found)[0][0]
    assert queries.tolist() == [0, 1] and indices.tolist() == [0, 1]
    weight = torch.tensor([1.0, 1.0, 0.1])
    expected = 2 * F.cross_entropy(cls_logits[0], torch.tensor([0, 1, 2]), weight=weight)
    torch.testing.assert_close(losses['loss_ce'], expected)
    cross = F.binary_cross_entropy_with_logits(masks[0, :2], targets)
    torch.testing.assert_close(losses['loss_mask'], 5 * cross)
    p = masks[0, :2].sigmoid().flatten(1)
    dice = 1 - (2 * (p * targets.flatten(1)).sum(1) + 1) / (p.sum(1) + 2 + 1)
    torch.testing.assert_close(losses['loss_dice'], 5 * dice.sum() / 2)


def test_criterion_under_autocast_equals_full_precision() -> None:
    """float16 has no number for the cost of a mask that is far from its target."""
    torch.manual_seed(0)
    criterion = MaskSetCriterion(2, num_points=0)
    cls_logits, mask_logits = torch.randn(1, 2, 6, 3), 8 * torch.randn(1, 2, 6, 120, 120)
    targets = mask_targets(torch.randint(0, 2, (2, 120, 120)))
    (expected,) = criterion(cls_logits, mask_logits, targets)
    with torch.autocast('cpu', torch.float16):
        (found,) = criterion(cls_logits, mask_logits, targets)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)


@pytest.mark.parametrize('points', [0, 64])
def test_frames_and_predictions_do_not_mix(points: int) -> None:
    """Matched all at once, each is as if it were alone; frames show different numbers of masks."""
    torch.manual_seed(0)
    criterion = MaskSetCriterion(4, num_points=points)
    labels = torch.randint(0, 4, (3, 12, 12))
    labels[1] = 2
    labels[2, :6] = 255
    cls_logits, mask_logits = torch.randn(2, 3, 6, 5), torch.randn(2, 3, 6, 12, 12)
    draws = torch.rand(2, 3, max(points, 1), 2)
    criterion.points = lambda purpose, prediction, shape, device: (
        draws[prediction, : shape[0]] if purpose == 'match' else torch.full(shape, 0.4)
    )
    targets = mask_targets(labels)
    assert targets.counts == [4, 1, 4]
    matches = criterion.match(cls_logits, mask_logits, targets)
    losses = criterion(cls_logits, mask_logits, targets)
    for index in range(2):
        (alone,) = criterion(cls_logits[[index]], mask_logits[[index]], targets)
        for frame in range(3):
            draws[0, 0] = draws[index, frame]
            one = mask_targets(labels[[frame]])
            part = cls_logits[[index]][:, [frame]], mask_logits[[index]][:, [frame]]
            ((queries, indices),) = criterion.match(*part, one)[0]
            assert queries.tolist() == matches[index][frame][0].tolist()
            assert indices.tolist() == matches[index][frame][1].tolist()
        if not points:
            for name, value in alone.items():
                torch.testing.assert_close(losses[index][name], value, msg=name)


@pytest.mark.parametrize('points', [0, 64])
def test_frames_without_targets_have_finite_losses(points: int) -> None:
    head = make_head(criterion={'type': 'MaskSetCriterion', 'num_points': points})
    features, audio = make_inputs(2)
    padded = torch.full((2, 64, 64), 255)
    empty = torch.zeros(2, 64, 64, dtype=torch.long)
    for maps, annotated in (
        (padded, [True, True]),  # no class at all: nothing is matched
        (empty, [True, False]),  # background only
        (empty, [False, False]),  # nothing annotated
    ):
        output = head(features, audio, (2,))
        losses = head.loss(output, FrameTargets(maps, torch.tensor(annotated)))
        assert all(torch.isfinite(value) for value in losses.values()), losses
        sum(losses.values()).backward()


def test_loss_terms_and_gradients() -> None:
    head = make_head()
    features, audio = make_inputs(3)
    maps = torch.zeros(3, 64, 64, dtype=torch.long)
    maps[:, 10:30, 20:50] = 1
    output = head(features, audio, (3,))
    losses = head.loss(output, FrameTargets(maps, torch.tensor([True, False, True])))
    layers = len(head.transformer_decoder.layers)
    numbers = ['', *(f'_{index}' for index in range(layers))]
    expected = {f'loss_{kind}{n}' for kind in ('ce', 'mask', 'dice') for n in numbers}
    expected |= {f'loss_cosine_{index}' for index in range(layers)}
    assert set(losses) == expected
    sum(losses.values()).backward()
    missing = [name for name, p in head.named_parameters() if p.grad is None]
    assert missing == []


def test_masks_decide_where_queries_attend_to() -> None:
    logits = torch.tensor([[[[1.0, -1.0], [-1.0, -1.0]], [[-1.0, -1.0], [-1.0, -1.0]]]])
    inside = ComboHead.inside(logits, (2, 2))
    assert inside[0, 0].tolist() == [[True, False, False, False], [True, True, True, True]]


def test_audio_of_the_batch_or_of_the_frame() -> None:
    features, audio = make_inputs(4)
    mixed, own = make_head(audio_mix='batch').eval(), make_head(audio_mix='frame').eval()
    tokens = torch.arange(4.0)[:, None, None].expand(4, 1, own.query_pos.embedding_dim)
    queries = mixed.num_queries
    heard = mixed.queries(tokens) - mixed.query_feature.weight
    rows = torch.tensor([[(q * 4 + b) // queries for q in range(queries)] for b in range(4)])
    torch.testing.assert_close(heard[..., 0], rows.float(), atol=1e-5, rtol=0)
    heard = own.queries(tokens) - own.query_feature.weight
    torch.testing.assert_close(heard, tokens.expand_as(heard), atol=1e-5, rtol=0)
    with torch.no_grad():
        for head, independent in ((mixed, False), (own, True)):
            batch = head(features, audio, (2, 2)).mask_logits[-1][:2]
            alone = head([f[:2] for f in features], audio[:2], (2,)).mask_logits[-1]
            assert torch.allclose(batch, alone, atol=1e-4) is independent
    with pytest.raises(ConfigError, match="audio_mix='clip', expected one of 'batch'"):
        make_head(audio_mix='clip')


def test_prediction_of_two_classes_is_their_softmax() -> None:
    head = make_head().eval()
    features, audio = make_inputs(2)
    with torch.no_grad():
        output = head(features, audio, (2,))
        logits = head.predict(output, (64, 64))
        scores = head.score_maps(output, (64, 64))
    assert logits.shape == (2, 1, 64, 64)
    torch.testing.assert_close(logits[:, 0].sigmoid(), scores.softmax(1)[:, 1])


def test_consistency_of_neighbours() -> None:
    torch.manual_seed(0)
    masks = torch.randn(7, 2, 3, 3)
    flat = masks.flatten(1)
    d = 1 - F.cosine_similarity(flat[:-1], flat[1:])
    each = d * (-d).exp()
    grouped = InterFrameConsistencyLoss(10.0, group_frames=5)
    expected = 10 * (each[:4].mean() + each[5]) / 2
    torch.testing.assert_close(grouped(masks, (7,)), expected)
    whole = InterFrameConsistencyLoss(10.0, group_frames=None)
    torch.testing.assert_close(whole(masks, (7,)), 10 * each.mean())
    torch.testing.assert_close(whole(masks, (3, 4)), 5 * (each[:2].mean() + each[3:].mean()))
    assert whole(masks, (1,) * 7) == 0


def test_siamese_backbone_weighs_the_second_picture() -> None:
    torch.manual_seed(0)
    inner = {'type': 'TimmBackbone', 'model_name': 'resnet10t', 'frozen_norm': True}
    backbone = SiameseBackbone(inner).eval()
    frames = torch.randn(1, 6, 32, 32)
    levels = backbone(frames)
    image = backbone.image_backbone(frames[:, :3])
    maskige = backbone.maskige_backbone(frames[:, 3:])
    for level, own, other, weigh in zip(levels, image, maskige, backbone.weights, strict=True):
        weight = weigh(other)
        assert weight.shape[2:] == (1, 1) and 0 < weight.min() and weight.max() < 1
        torch.testing.assert_close(level, own + weight * other)
    assert not any('num_batches_tracked' in key for key in backbone.state_dict())
    with pytest.raises(DataError, match='3 channels, expected 6: add LoadMaskiges'):
        backbone(frames[:, :3])


def test_siamese_backbones_of_two_kinds() -> None:
    torch.manual_seed(0)
    first = {'type': 'TimmBackbone', 'model_name': 'resnet10t', 'out_strides': (8, 32)}
    second = {'type': 'TimmBackbone', 'model_name': 'test_efficientnet', 'out_strides': (8, 32)}
    backbone = SiameseBackbone(first, maskige_backbone=second).eval()
    given = [part.out_channels for part in (backbone.image_backbone, backbone.maskige_backbone)]
    assert given[0] != given[1] and backbone.out_channels == given[0]
    frames = torch.randn(1, 6, 64, 64)
    plain, levels = backbone.image_backbone(frames[:, :3]), backbone(frames)
    for level, own in zip(levels, plain, strict=True):
        assert level.shape == own.shape and not torch.equal(level, own)
    with pytest.raises(ConfigError, match=r'strides \(8, 32\) and \(8, 16\)'):
        SiameseBackbone(first, maskige_backbone={**second, 'out_strides': (8, 16)})


def test_bilateral_fusion_settings() -> None:
    feature, audio = torch.randn(2, 16, 4, 4), torch.randn(2, 1, 6)
    for residual in ('normalized', 'input'):
        torch.manual_seed(0)
        fusion = BilateralFusion(16, 6, num_heads=2, init_scale=0.0, residual=residual).eval()
        fused, _ = fusion(feature, audio)
        tokens = feature.flatten(2).transpose(1, 2) + fusion.level_embed.weight
        wanted = fusion.visual_norm(tokens) if residual == 'normalized' else tokens
        torch.testing.assert_close(fused.flatten(2).transpose(1, 2), wanted)
    published = BilateralFusion(16, 6, num_heads=2, init_scale=1.0).eval()
    heard, _ = published.attn(torch.randn(2, 9, 16), audio, torch.zeros(9, 16), torch.zeros(6))
    # Weights of about 1/9 each instead of 1, summed over the positions to one value vector.
    value = published.attn.visual_out(published.attn.audio_value(audio))
    bias = published.attn.visual_out.bias
    torch.testing.assert_close((heard - bias).sum(1), (value - bias)[:, 0], atol=1e-5, rtol=1e-4)
