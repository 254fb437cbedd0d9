"""The base of the heads, through the smallest ones that can be written on it."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from avsbench.models import (
    AVSegmentor,
    AVSHeadOutput,
    DenseAVSHead,
    FrameTargets,
    HeadSizes,
    QueryAVSHead,
)
from avsbench.models.heads import present_classes
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError

SIZES = HeadSizes([4], 3, 1)
DICE = {'type': 'DiceLoss'}


class PixelHead(DenseAVSHead):
    """One convolution; ignores padding."""

    def __init__(self, sizes: HeadSizes, loss_mask: dict) -> None:
        super().__init__(sizes, loss_mask=loss_mask)
        self.conv = nn.Conv2d(sizes.in_channels[0], sizes.num_classes, 1)

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        return AVSHeadOutput(logits=self.conv(features[0]))


class SumHead(QueryAVSHead):
    """Its loss is the sum of the class logits, times the number of annotated frames."""

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        raise NotImplementedError

    def prediction_losses(
        self, output: AVSHeadOutput, targets: FrameTargets
    ) -> list[dict[str, Tensor]]:
        return [{'loss_sum': logits.sum() * len(targets.frames)} for logits in output.cls_logits]

    def binary_logits(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        return output.mask_logits[-1, :, :1]


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    MODELS.register_module(module=PixelHead)
    yield
    MODELS.module_dict.pop('PixelHead')


def test_a_dense_head_needs_logits_and_one_loss() -> None:
    sizes = {'in_channels': [4], 'audio_channels': 3, 'num_classes': 1}
    head = MODELS.build({'type': 'PixelHead', **sizes, 'loss_mask': DICE})
    output = head([torch.randn(2, 4, 8, 8)], torch.randn(2, 1, 3), (2,))
    masks = torch.ones(2, 16, 16, dtype=torch.long)
    for annotated in ([True, False], [False, False]):
        losses = head.loss(output, FrameTargets(masks, torch.tensor(annotated)))
        assert set(losses) == {'loss_mask'}
        assert (float(losses['loss_mask'].detach()) > 0) == any(annotated)
        head.zero_grad()
        losses['loss_mask'].backward(retain_graph=True)
        assert head.conv.weight.grad.isfinite().all()
    assert head.predict(output, (16, 16)).shape == (2, 1, 16, 16) and head.predicts_logits


class PairsHead(PixelHead):
    """Compares audio with the map that it also mixes into a loss."""

    def __init__(self, sizes: HeadSizes, loss_mask: dict) -> None:
        super().__init__(sizes, loss_mask=loss_mask)
        self.loss_mix = MODELS.build({'type': 'BinaryCrossEntropyLoss'})
        self.loss_match = MODELS.build({'type': 'AudioVisualMatchingLoss', 'distance': 'euclidean'})

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        pairs = [(features[0], audio[:, 0])]
        return AVSHeadOutput(
            logits=self.conv(features[0]), mask_feature=features[0], matched_pairs=pairs
        )


def test_padded_pixels_are_in_no_loss_of_a_dense_head() -> None:
    """Target 255 belongs to no class, so it isn't foreground either."""
    torch.manual_seed(0)
    head = PairsHead(HeadSizes([4], 4, 1), DICE)
    features = torch.randn(2, 4, 8, 10, requires_grad=True)
    masks = torch.randint(0, 2, (2, 8, 10))
    audio, annotated = torch.randn(2, 1, 4), torch.ones(2, dtype=torch.bool)
    losses = []
    for width in (8, 10):
        output = head([features[..., :width]], audio, (2,))
        losses.append(head.loss(output, FrameTargets(masks[..., :width], annotated)))
        masks[..., 8:] = 255
    plain, padded = losses
    assert padded.keys() == {'loss_mask', 'loss_mix', 'loss_match'}
    for name, value in padded.items():
        torch.testing.assert_close(value, plain[name], msg=name, rtol=1e-4, atol=1e-6)
        (gradient,) = torch.autograd.grad(value, features, retain_graph=True)
        assert gradient[..., :8].abs().max() > 0, name
        assert gradient[..., 8:].abs().max() == 0, name


def test_wrong_keys_of_a_head_are_errors() -> None:
    sizes = {'in_channels': [4], 'audio_channels': 3}
    with pytest.raises(ConfigError, match="unknown argument 'num_clases'; did you mean 'num_cla"):
        MODELS.build({'type': 'PixelHead', **sizes, 'num_clases': 1, 'loss_mask': DICE})
    with pytest.raises(ConfigError, match="missing argument 'num_classes'"):
        MODELS.build({'type': 'PixelHead', **sizes, 'loss_mask': DICE})


def test_a_head_that_does_not_accept_padding_is_refused_under_it() -> None:
    parts = {
        'backbone': {'type': 'TimmBackbone', 'model_name': 'resnet10t'},
        'audio_encoder': {'type': 'TimmAudioEncoder', 'model_name': 'test_resnet'},
        'decode_head': {'type': 'PixelHead', 'num_classes': 1, 'loss_mask': DICE},
    }
    message = r'PixelHead does not accept padded clips; set model\.data_preprocessor\.clip_policy'
    pad = {'type': 'AVSDataPreprocessor', 'clip_policy': 'pad', 'num_frames': 5}
    with MODELS.switch_scope_and_registry('avsbench'):
        with pytest.raises(ConfigError, match=message):
            AVSegmentor(**parts, data_preprocessor=pad)
        AVSegmentor(**parts, data_preprocessor={**pad, 'clip_policy': 'pack', 'num_frames': None})


def test_terms_of_all_predictions_but_the_last_are_numbered() -> None:
    output = AVSHeadOutput(cls_logits=torch.ones(3, 2, 2, 2), mask_logits=torch.ones(3, 2, 2, 4, 4))
    output.cls_logits[1] = 2
    targets = FrameTargets(torch.zeros(2, 4, 4), torch.tensor([True, True]))
    losses = {name: float(value) for name, value in SumHead(SIZES).loss(output, targets).items()}
    assert losses == {'loss_sum_0': 16, 'loss_sum_1': 32, 'loss_sum': 16}


def test_annotated_frames_are_known_to_the_host() -> None:
    masks = torch.arange(5)[:, None, None].expand(-1, 2, 2)
    annotated = torch.tensor([True, False, False, True, True])
    for targets in (FrameTargets(masks, annotated), FrameTargets(masks, annotated, (0, 3, 4))):
        assert targets.frames == (0, 3, 4)
        assert targets.lengths((2, 1, 2)) == [1, 0, 2]
        assert torch.equal(targets.select(masks), masks[annotated])
        assert torch.equal(targets.select(masks.mT[None], 1), masks.mT[None][:, annotated])
    every = FrameTargets(masks, torch.ones(5, dtype=torch.bool))
    assert every.select(masks) is masks


def test_classes_of_groups_of_frames() -> None:
    labels = torch.tensor([[[0, 70]], [[255, 5]], [[255, 255]]])
    assert present_classes(labels, [2, 0, 1]) == [[0, 5, 70], [], []]
    assert present_classes(labels[:0], [0, 0]) == [[], []]


def test_score_maps_are_class_probabilities_times_masks() -> None:
    torch.manual_seed(0)
    output = AVSHeadOutput(
        cls_logits=torch.randn(2, 1, 2, 4), mask_logits=torch.randn(2, 1, 2, 4, 4)
    )
    several, one = SumHead(HeadSizes([4], 3, 3)), SumHead(SIZES)
    classes, masks = output.cls_logits[-1, 0].softmax(-1), output.mask_logits[-1, 0].sigmoid()
    wanted = sum(classes[query, :3, None, None] * masks[query] for query in range(2))
    torch.testing.assert_close(several.predict(output, (4, 4))[0], wanted)
    assert torch.equal(one.predict(output, (4, 4)), output.mask_logits[-1, :, :1])
    assert (several.predicts_logits, one.predicts_logits) == (False, True)
