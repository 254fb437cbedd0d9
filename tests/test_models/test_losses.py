import pytest
import torch
import torch.nn.functional as F

from avsbench.models.losses import (
    AudioVisualMatchingLoss,
    BinaryCrossEntropyLoss,
    ClipDiceLoss,
    CrossEntropyLoss,
    DiceLoss,
    FocalCrossEntropyLoss,
    SigmoidFocalLoss,
    foreground,
)
from avsbench.utils.errors import ConfigError


def test_dice_by_hand() -> None:
    logits = torch.tensor([[[[0.0, 20.0]]]])
    targets = torch.tensor([[[0, 1]]])
    expected = 1 - 2 * 1.0 / (0.25 + 1.0 + 1e-3 + 1.0 + 1e-3)
    torch.testing.assert_close(float(DiceLoss()(logits, targets)), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        float(DiceLoss(loss_weight=0.1)(logits, targets)), expected / 10, atol=1e-6, rtol=0
    )


def test_dice_is_a_mean_over_pictures_not_over_the_batch() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(3, 1, 4, 4), torch.randint(0, 2, (3, 4, 4))
    each = torch.stack([DiceLoss()(logits[i : i + 1], targets[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(DiceLoss()(logits, targets), each.mean())


def test_dice_of_an_empty_target_is_one_without_gradient() -> None:
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = DiceLoss()(logits, torch.zeros(1, 4, 4))
    loss.backward()
    assert float(loss.detach()) == 1
    assert logits.grad.abs().max() == 0


def test_binary_cross_entropy_by_hand() -> None:
    loss = BinaryCrossEntropyLoss(loss_weight=2.0)(torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 2))
    torch.testing.assert_close(float(loss), 2 * 0.6931472, atol=1e-6, rtol=0)


def test_cross_entropy_weighs_classes() -> None:
    logits = torch.zeros(1, 2, 1, 2)
    logits[0, 1, 0, 0] = 3.0
    targets = torch.tensor([[[0, 1]]])
    plain = torch.nn.functional.cross_entropy(logits, targets)
    torch.testing.assert_close(CrossEntropyLoss()(logits, targets), plain)
    weighted = CrossEntropyLoss(class_weight=[1.0, 0.0])(logits, targets)
    torch.testing.assert_close(weighted, logits[0, :, 0, 0].logsumexp(0))


def padded_case(loss: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits (2, K, 4, 6) and targets, the last two columns padding, and the loss without them."""
    torch.manual_seed(0)
    classes = 3 if isinstance(loss, CrossEntropyLoss | FocalCrossEntropyLoss) else 1
    logits = torch.randn(2, classes, 4, 6)
    targets = torch.randint(0, max(2, classes), (2, 4, 6))
    plain = loss(logits[..., :4], targets[..., :4])
    targets[..., 4:] = 255
    return logits.requires_grad_(), targets, plain


PIXEL_LOSSES = [
    DiceLoss(),
    BinaryCrossEntropyLoss(),
    CrossEntropyLoss(),
    CrossEntropyLoss(class_weight=[1.0, 0.5, 2.0]),
    SigmoidFocalLoss(),
    ClipDiceLoss(),
    FocalCrossEntropyLoss(),
]


@pytest.mark.parametrize('loss', PIXEL_LOSSES, ids=lambda loss: type(loss).__name__)
def test_padding_is_in_no_loss(loss: torch.nn.Module) -> None:
    """Label 255 is no class, so it neither sounds nor is silent."""
    logits, targets, plain = padded_case(loss)
    found = loss(logits, targets)
    torch.testing.assert_close(found, plain)
    found.backward()
    assert logits.grad[..., :4].abs().max() > 0
    assert logits.grad[..., 4:].abs().max() == 0
    nothing = loss(logits, torch.full_like(targets, 255))
    (gradient,) = torch.autograd.grad(nothing, logits)
    assert nothing.isfinite() and gradient.abs().max() == 0


def test_foreground_of_classes_keeps_padding() -> None:
    assert foreground(torch.tensor([[0, 1, 70, 255]])).tolist() == [[0, 1, 1, 255]]


@pytest.mark.parametrize('threshold', [True, False])
def test_matching_leaves_padding_out(frames, threshold: bool) -> None:
    maps, audio, logits = frames
    options = dict(distance='euclidean', pooled='probability', threshold=threshold)
    wide = F.pad(maps, (0, 2), value=3.0), audio, F.pad(logits, (0, 4), value=9.0)
    counted = F.pad(torch.ones(4, 6, 6, dtype=torch.bool), (0, 4))
    once = matching(maps, audio, logits, **options)
    assert matching(*wide, counted=counted, **options) == pytest.approx(once, rel=1e-4)
    assert matching(*wide, **options) != pytest.approx(once, rel=1e-2)


def matching(maps: torch.Tensor, audio: torch.Tensor, logits: torch.Tensor, **options) -> float:
    given = [options.pop(name, None) for name in ('annotated', 'counted')]
    return float(AudioVisualMatchingLoss(**options)([(maps, audio)], logits, *given))


@pytest.fixture
def frames() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Maps (4, 5, 3, 3), audio (4, 5) and logits (4, 1, 6, 6)."""
    torch.manual_seed(0)
    return torch.rand(4, 5, 3, 3), torch.randn(4, 5), torch.randn(4, 1, 6, 6)


def test_background_of_the_matching_loss(frames) -> None:
    """With all pixels of class 0, the mask of background 0 is empty and that of 2 is the frame."""
    maps, audio, _ = frames
    logits = torch.zeros(4, 3, 6, 6)
    logits[:, 0] = 5
    options = dict(distance='euclidean')
    everything = float(torch.nn.functional.pairwise_distance(maps.mean((2, 3)), audio).mean())
    assert matching(maps, audio, logits, background=2, **options) == pytest.approx(everything)
    nothing = float(torch.nn.functional.pairwise_distance(torch.zeros(4, 5), audio).mean())
    assert matching(maps, audio, logits, **options) == pytest.approx(nothing)


def test_matching_kl_by_hand(frames) -> None:
    maps, audio, logits = frames
    mask = torch.nn.functional.avg_pool2d(logits, 2).sigmoid()
    seen, heard = (maps * mask).mean((2, 3)).softmax(1), audio.softmax(1)
    each = (heard * (heard / seen).log()).sum(1)
    assert matching(*frames) == pytest.approx(float(each.mean()), rel=1e-5)
    summed = matching(*frames, reduction='sum', loss_weight=0.5)
    assert summed == pytest.approx(float(each.sum()) / 2, rel=1e-5)


def test_matching_cosine_under_a_threshold_by_hand(frames) -> None:
    maps, audio, logits = frames
    audio = audio.abs()
    mask = torch.nn.functional.max_pool2d(logits.sigmoid(), 2) > 0.5
    seen = (maps * mask).sum((2, 3)) / (mask.sum((2, 3)) + 1e-6)
    cosine = (seen * audio).sum(1) / (seen.norm(dim=1) * audio.norm(dim=1))
    options = dict(distance='cosine', pool='max', pooled='probability', threshold=True)
    assert matching(maps, audio, logits, **options) == pytest.approx(
        float(-(cosine + 1e-6).log().mean()), rel=1e-5
    )
    opposite = matching(maps, -audio, logits, **options)
    assert opposite == pytest.approx(-torch.tensor(1e-6).log().item(), rel=1e-5)


def test_matching_of_normalized_vectors_ignores_their_length(frames) -> None:
    maps, audio, logits = frames
    for options in ({'normalize': True}, {'distance': 'euclidean', 'normalize': True}):
        once = matching(maps, audio, logits, **options)
        assert matching(3 * maps, 2 * audio, logits, **options) == pytest.approx(once, rel=1e-4)
    assert matching(maps, 2 * audio, logits) != pytest.approx(matching(*frames), rel=1e-2)


def test_matching_with_the_nearest_audio_compares_pictures(frames) -> None:
    maps, audio, logits = frames
    audio[3] = audio[0] + 0.01  # 0 and 3 are each other's nearest
    audio[2] = audio[1] + 0.02
    options = dict(distance='euclidean', nearest_audio=True, reduction='sum')
    alike = maps[[0, 1, 1, 0]], audio, logits[[0, 1, 1, 0]]
    assert matching(*alike, **options) == pytest.approx(0, abs=1e-4)
    assert matching(maps, audio, logits, **options) > 0.01


def test_matching_leaves_frames_without_annotation_out(frames) -> None:
    maps, audio, _ = frames
    logits = torch.randn(4, 5, 6, 6)
    counts = torch.tensor([True, False, False, False])
    for distance in ('kl', 'cosine', 'euclidean'):
        options = dict(distance=distance, annotated_only=True)
        one = matching(maps[:1], audio[:1], logits[:1], distance=distance)
        kept = matching(maps, audio, logits, annotated=counts, **options)
        assert kept == pytest.approx(one, rel=1e-5)
        assert matching(maps, audio, logits, annotated=~counts & counts, **options) == 0


def test_matching_mask_of_several_classes_is_what_is_not_background(frames) -> None:
    maps, audio, _ = frames
    logits = torch.zeros(4, 3, 3, 3, requires_grad=True)
    with torch.no_grad():
        logits[:, 0], logits[:, 2, 0, 0] = 1.0, 9.0
    expected = matching(maps[:, :, :1, :1] / 9, audio, torch.full((4, 1, 1, 1), 99.0))
    assert matching(maps, audio, logits) == pytest.approx(expected, rel=1e-5)


def test_matching_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="distance='cosin'.*did you mean 'cosine'"):
        AudioVisualMatchingLoss('cosin')
    with pytest.raises(ConfigError, match="pool='mean', expected one of .*avg.*max"):
        AudioVisualMatchingLoss(pool='mean')


HALF_LOSSES = [DiceLoss(), BinaryCrossEntropyLoss(), SigmoidFocalLoss(), ClipDiceLoss()]


@pytest.mark.parametrize('loss', HALF_LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_confidently_wrong_pixels_learn_in_half_precision(loss, dtype: torch.dtype) -> None:
    """The sigmoid of 9 is 1 in both half types, and its slope there 0."""
    logits = torch.full((1, 1, 4, 4), 9.0)
    targets = torch.zeros(1, 4, 4, dtype=torch.long)
    targets[0, 0, 0] = 1
    gradients = []
    for values in (logits, logits.to(dtype)):
        values.requires_grad_()
        gradients.append(torch.autograd.grad(loss(values, targets), values)[0].float())
    assert gradients[0].abs().min() > 0
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.02, atol=1e-6)
