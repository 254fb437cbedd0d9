import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import FrameTargets
from avsbench.registry import MODELS
from avsbench.systems.catr.criterion import ClipSetCriterion, ClipTargets
from avsbench.systems.catr.encoder import DecoupledTransformer, audio_tokens
from avsbench.systems.catr.head import CATRHead, clip_targets
from avsbench.systems.catr.pixel_decoder import SkipDecoder
from avsbench.utils.errors import ConfigError

CHANNELS, AUDIO = [8, 12, 16, 24], 10


def make_head(**changed) -> CATRHead:
    cfg = load_config(config_file('s4/catr_demo.py')).model.decode_head.to_dict()
    encoder = {**cfg['encoder'], **changed.pop('encoder', {})}
    cfg |= {'in_channels': CHANNELS, 'audio_channels': AUDIO, 'encoder': encoder}
    torch.manual_seed(0)
    cfg |= {'group_frames': None, 'query_generator': None}
    head = MODELS.build({**cfg, **changed}).eval()
    head.init_weights()
    for projection in head.projections.values():  # the published ones start near zero
        for branch in projection.branches:
            torch.nn.init.normal_(branch.weight, std=0.1)
    return head


def make_inputs(frames: int, finest: int = 16) -> tuple[list[Tensor], Tensor]:
    torch.manual_seed(1)
    features = [
        torch.randn(frames, channels, finest >> level, finest >> level)
        for level, channels in enumerate(CHANNELS)
    ]
    return features, torch.randn(frames, 1, AUDIO)


@torch.no_grad()
def run(head, features, audio, lengths, order=None) -> Tensor:
    """Masks of all queries after the last layer."""
    if order is not None:
        features, audio = [level[order] for level in features], audio[order]
    return head(features, audio, lengths).mask_logits[-1]


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-4)


def differs(result: Tensor, other: Tensor) -> bool:
    return bool((result - other).abs().max() > 1e-3 * other.abs().max())


@pytest.fixture(scope='module')
def head() -> CATRHead:
    return make_head()


def test_clips_of_a_batch_do_not_meet(head) -> None:
    features, audio = make_inputs(6)
    result = run(head, features, audio, (3, 3))
    order = [3, 4, 5, 0, 1, 2]
    close(run(head, features, audio, (3, 3), order), result[order])
    close(run(head, features, audio, (3, 2, 1))[:3], result[:3])  # shorter clips beside it
    alone = run(head, [level[3:5] for level in features], audio[3:5], (2,))
    close(run(head, features, audio, (3, 2, 1))[3:5], alone)


def test_frames_of_a_clip_meet_but_their_sounds_have_no_order(head) -> None:
    features, audio = make_inputs(3)
    result = run(head, features, audio, (3,))
    assert differs(run(head, features, audio, (1, 1, 1)), result)
    order = [0, 2, 1]  # the first frame stays: it alone keeps its audio tokens
    close(run(head, features, audio, (3,), order), result[order])
    close(run(head, features, audio[order], (3,)), result)


def test_time_code_tells_a_frame_its_own_sound() -> None:
    head = make_head(encoder={'time_code': True})
    features, audio = make_inputs(3)
    result = run(head, features, audio, (3,))
    assert differs(run(head, features, audio[[0, 2, 1]], (3,)), result)
    close(run(head, features, audio, (3, 2), [0, 1, 2, 0, 1])[:3], result)


def test_groups_cut_clips() -> None:
    features, audio = make_inputs(5)
    cut = run(make_head(group_frames=2), features, audio, (5,))
    close(run(make_head(), features, audio, (2, 2, 1)), cut)


def test_audio_tokens_are_those_of_the_clip() -> None:
    audio = torch.arange(1.0, 4.0).view(3, 1, 1)
    tokens, exist = audio_tokens(audio, (2, 1))
    assert tokens[..., 0].tolist() == [[1, 2], [1, 2], [3, 0]]
    assert exist.tolist() == [[True, True], [True, True], [True, False]]


def test_second_gate_is_the_first_one_again_unless_it_is_to_be_its_own() -> None:
    features = torch.randn(2, 16, 4, 4)
    audio = torch.randn(2, 1, 16)
    results = {}
    for kind in ('first', 'own'):
        torch.manual_seed(0)
        encoder = DecoupledTransformer(
            16, num_heads=2, feedforward_channels=8, second_gate=kind
        ).eval()
        maps = [torch.randn(2, 16, 4, 4) for _ in range(3)]
        with torch.no_grad():
            gate = encoder.gate
            value = gate.conv(torch.cat(maps[:2], 1)).sigmoid().mean((2, 3))
            second = value.sigmoid().mean(1)
            if kind == 'own':
                second = gate.conv(torch.cat(maps[1:], 1)).sigmoid().mean((2, 3))[:, 0]
            first = gate.merge1(maps[1] * value[:, 0, None, None, None])
            wanted = gate.merge2(first + maps[2] * second[:, None, None, None])
            close(gate(*maps), wanted)
            results[kind] = encoder(features, audio, (2,)).feature
    assert differs(results['first'], results['own'])
    with pytest.raises(ConfigError, match="second_gate='both', expected one of 'first'"):
        DecoupledTransformer(16, second_gate='both')


def test_computing_layers_again_changes_no_gradient() -> None:
    features, audio = make_inputs(2)
    norms = []
    for with_cp in (False, True):
        head = make_head(encoder={'with_cp': with_cp})
        head(features, audio, (2,)).mask_logits.square().mean().backward()
        norms.append([p.grad.norm() for p in head.encoder.parameters() if p.grad is not None])
    assert len(norms[0]) > 40
    torch.testing.assert_close(torch.stack(norms[1]), torch.stack(norms[0]))


def test_pixel_decoder_ends_at_the_last_skip() -> None:
    decoder = SkipDecoder(64, mask_channels=5)
    skips = [torch.randn(1, 64, 2, 2), torch.randn(1, 64, 4, 4)]
    decoder.init_weights()
    with torch.no_grad():
        assert decoder(torch.randn(1, 64, 8, 8), skips).shape == (1, 5, 4, 4)
    with pytest.raises(ValueError, match='embed_dims=96'):
        SkipDecoder(96)


def criterion_inputs(frames: int = 2, queries: int = 3):
    torch.manual_seed(0)
    masks = (torch.rand(1, frames, 8, 8) > 0.5).float()
    counted = torch.ones(frames, 8, 8, dtype=torch.bool)
    targets = ClipTargets(torch.zeros(1, dtype=torch.long), masks, counted)
    return torch.randn(frames, queries, 2), torch.randn(frames, queries, 4, 4), targets


def test_criterion_equals_its_formulas() -> None:
    classes, masks, targets = criterion_inputs()
    (losses,) = ClipSetCriterion(1)(classes[None], masks[None], [targets])
    resized = F.interpolate(masks, (8, 8), mode='bilinear', align_corners=False)
    p, m = resized.sigmoid(), targets.masks[0][:, None]
    dice = (2 * (p * m).sum((2, 3)) + 1) / (p.sum((2, 3)) + m.sum((2, 3)) + 1)  # (T, Q)
    cost = -2 * classes.softmax(-1)[..., 0].mean(0) - 7 * dice.mean(0)
    best = int(cost.argmin())
    p, m, x = p[:, best], m[:, 0], resized[:, best]
    cross = F.binary_cross_entropy_with_logits(x, m, reduction='none')
    right = p * m + (1 - p) * (1 - m)
    focal = (0.25 * m + 0.75 * (1 - m)) * (1 - right) ** 2 * cross
    surprise = -classes.log_softmax(-1)
    others = surprise[..., 1].sum() - surprise[:, best, 1].sum()
    wanted = {
        'loss_cls': (surprise[:, best, 0].sum() + 0.1 * others) / 2,
        'loss_dice': 5 * (1 - dice[:, best]).mean(),
        'loss_focal': 5 * focal.mean(),
        'loss_bce': 4 * F.binary_cross_entropy_with_logits(p, m),
    }
    assert losses.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(losses[name], value, msg=name)
    (sane,) = ClipSetCriterion(1, double_sigmoid=False)(classes[None], masks[None], [targets])
    torch.testing.assert_close(sane['loss_bce'], 4 * cross.mean())


def test_one_query_serves_all_frames_of_a_clip() -> None:
    classes, _, targets = criterion_inputs()
    good = (targets.masks[0] * 2 - 1) * 9  # (T, 8, 8)
    masks = torch.full((2, 3, 8, 8), -9.0)
    masks[0, 0], masks[:, 1] = good[0], good * 0.1  # best in one frame; fair in both
    ((queries, indices),) = ClipSetCriterion(1).match(classes[None] * 0, masks[None], [targets])[0]
    assert (queries.tolist(), indices.tolist()) == ([1], [0])


def test_criterion_under_autocast_equals_full_precision() -> None:
    """The overlap with an object that fills most of a frame exceeds the range of float16."""
    targets = torch.zeros(1, 1, 224, 224)
    targets[..., :170] = 1
    counted = torch.ones(1, 224, 224, dtype=torch.bool)
    clip = ClipTargets(torch.zeros(1, dtype=torch.long), targets, counted)
    everywhere = torch.full((1, 1, 224, 224), 9.0)
    masks = torch.cat((everywhere, -everywhere, 18 * targets - 9), 1)
    classes = torch.zeros(1, 3, 2)
    criterion = ClipSetCriterion(1)
    case = classes[None], masks[None], [clip]
    (expected,) = criterion(*case)
    assert criterion.match(*case)[0][0][0].tolist() == [2]
    with torch.autocast('cpu', torch.float16):
        (found,) = criterion(*case)
        assert criterion.match(*case)[0][0][0].tolist() == [2]
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)


@pytest.mark.parametrize('empty', ['no frames', 'empty mask', 'padding alone', 'no classes'])
def test_nothing_to_match_gives_finite_losses(empty: str) -> None:
    classes, masks, targets = criterion_inputs()
    if empty == 'no frames':
        classes, masks = classes[:0], masks[:0]
        targets = ClipTargets(targets.classes, targets.masks[:, :0], targets.counted[:0])
    elif empty == 'empty mask':
        targets = targets._replace(masks=targets.masks * 0)
    elif empty == 'padding alone':
        targets = targets._replace(masks=targets.masks * 0, counted=~targets.counted)
    else:
        targets = targets._replace(classes=targets.classes[:0], masks=targets.masks[:0])
    masks.requires_grad_(), classes.requires_grad_()
    (losses,) = ClipSetCriterion(1)(classes[None], masks[None], [targets])
    total = sum(losses.values())
    assert total.isfinite()
    total.backward()
    assert masks.grad.isfinite().all() and classes.grad.isfinite().all()


@pytest.mark.parametrize('double_sigmoid', [True, False])
def test_padding_counts_in_no_comparison_of_masks(double_sigmoid: bool) -> None:
    """Padded targets give what the clip gives without the padding, and no gradient there."""
    classes, _, targets = criterion_inputs()
    masks = torch.randn(2, 3, 8, 8)
    criterion = ClipSetCriterion(1, double_sigmoid=double_sigmoid)
    (plain,) = criterion(classes[None], masks[None], [targets])
    labels = F.pad(targets.masks[0].long(), (0, 3), value=255)
    padded = F.pad(masks, (0, 3), value=5.0).requires_grad_()
    (losses,) = criterion(classes[None], padded[None], clip_targets(labels, [2], 1))
    for name, value in plain.items():
        torch.testing.assert_close(losses[name], value, msg=name)
    sum(losses.values()).backward()
    assert padded.grad[..., :8].abs().max() > 0 and padded.grad[..., 8:].abs().max() == 0


def test_clips_and_predictions_do_not_mix() -> None:
    """Matched all at once, each is as if it were alone; clips show different numbers of classes."""
    torch.manual_seed(0)
    criterion = ClipSetCriterion(4)
    labels, lengths = torch.randint(0, 4, (5, 8, 8)), [2, 0, 3]
    labels[:2] = 3
    targets = clip_targets(labels, lengths, 4)
    assert [len(target.classes) for target in targets] == [1, 0, 4]
    classes, masks = torch.randn(2, 5, 6, 5), torch.randn(2, 5, 6, 4, 4)
    both = criterion(classes, masks, targets)
    matches = criterion.match(classes, masks, targets)
    for index in range(2):
        parts = zip(classes[index].split(lengths), masks[index].split(lengths), strict=True)
        losses = []
        for clip, (logits, mask) in enumerate(parts):
            alone = logits[None], mask[None], [targets[clip]]
            ((queries, indices),) = criterion.match(*alone)[0]
            assert queries.tolist() == matches[index][clip][0].tolist()
            assert indices.tolist() == matches[index][clip][1].tolist()
            losses += criterion(*alone)
        weights = {'loss_cls': (2, 0, 3), 'loss_dice': (2, 0, 12), 'loss_focal': (2, 0, 12)}
        for name, counts in weights.items():
            terms = [loss[name] * count for loss, count in zip(losses, counts, strict=True)]
            torch.testing.assert_close(both[index][name], sum(terms) / sum(counts), msg=name)


def test_targets_of_a_clip() -> None:
    labels = torch.tensor([[[0, 2]], [[255, 5]]])  # (T, 1, 2)
    assert clip_targets(labels, [2], 1)[0].masks.tolist() == [[[[0, 1]], [[0, 1]]]]
    ((classes, masks, counted),) = clip_targets(labels, [2], 71)
    assert counted.tolist() == [[[True, True]], [[False, True]]]
    assert classes.tolist() == [0, 2, 5]
    assert masks[:, :, 0].tolist() == [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 1]]]


def test_loss_reads_annotated_frames_of_every_layer(head) -> None:
    features, audio = make_inputs(3)
    output = head(features, audio, (3,))
    targets = FrameTargets(torch.randint(0, 2, (3, 32, 32)), torch.tensor([True, False, False]))
    losses = head.loss(output, targets)
    names = {
        f'loss_{term}{layer}' for term in ('cls', 'dice', 'focal', 'bce') for layer in ('', '_0')
    }
    assert set(losses) == names
    other = copy.deepcopy(targets)
    other.masks[1:] = 1 - other.masks[1:]
    for name, value in head.loss(output, other).items():
        assert torch.equal(value, losses[name])


def test_test_takes_the_query_that_sounds_most(head) -> None:
    features, audio = make_inputs(2)
    with torch.no_grad():
        output = head(features, audio, (2,))
        output.cls_logits[-1, ..., 0] = torch.tensor([[0.0, 3, 0, 0], [0.0, 0, 0, 3]]).repeat(1, 2)
        output.cls_logits[-1, ..., 1] = 0
        masks = head.predict(output, (32, 32))
    assert masks.shape == (2, 1, 32, 32)
    chosen = torch.stack((output.mask_logits[-1][0, 1], output.mask_logits[-1][1, 3]))
    close(masks, F.interpolate(chosen[:, None], (32, 32), mode='bilinear', align_corners=False))


def test_classes_are_summed_over_queries() -> None:
    head = make_head(num_classes=3)
    features, audio = make_inputs(2)
    with torch.no_grad():
        output = head(features, audio, (2,))
        scores = head.predict(output, (16, 16))
    classes = output.cls_logits[-1].softmax(-1)[..., :3]
    close(scores, torch.einsum('nqc,nqhw->nchw', classes, output.mask_logits[-1].sigmoid()))


def test_queries_may_be_made_from_audio(head) -> None:
    features, audio = make_inputs(1)
    other = make_head(query_generator={'type': 'RepeatQueryGenerator'})
    assert head.query_generator is None
    assert differs(run(other, features, audio, (1,)), run(head, features, audio, (1,)))


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match=r'skip_levels=\(4, 0\): \[4\] not among \[0, 1, 2, 3\]'):
        make_head(skip_levels=(4, 0))
