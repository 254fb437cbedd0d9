"""What every decode head offers, and the typed output they share."""

from abc import ABCMeta, abstractmethod
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample

IGNORE = 255  # target of padded pixels: no class has them


@dataclass
class AVSHeadOutput:
    """What the network computes for N frames.

    Attributes:
        logits: (N, K, h, w) before sigmoid (K = 1) or softmax; None of heads that classify masks.
        mask_feature: (N, C, h', w'), the finest decoded map, which queries are compared with.
        matched: Pairs of a map (N, C, h_l, w_l) and an audio vector (N, C) that a loss compares.
        cls_logits: (L, N, Q, C + 1), classes of the queries in L predictions, the last one final.
        mask_logits: (L, N, Q, h, w), their masks.
        clip_lengths: Frames of each clip, where a loss compares frames.
        aux: Further loss terms a part has computed, by name (`loss_*`).
    """

    logits: Tensor | None
    mask_feature: Tensor
    matched: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    cls_logits: Tensor | None = None
    mask_logits: Tensor | None = None
    clip_lengths: tuple[int, ...] = ()
    aux: dict[str, Tensor] = field(default_factory=dict)


class AVSDecodeHead(BaseModule, metaclass=ABCMeta):
    """Base of all decode heads.

    Attributes:
        predicts_logits: Whether `predict` returns logits; otherwise probabilities, whose sums over
            the queries may exceed 1.

    Args:
        in_channels: Channels of the backbone levels; the segmentor fills it in.
        audio_channels: Width D of the audio embedding; the segmentor fills it in.
        num_classes: K, 1 for S4 and MS3, 71 for AVSS.
    """

    def __init__(self, in_channels: list[int], audio_channels: int, num_classes: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.audio_channels = audio_channels
        self.num_classes = num_classes
        self.predicts_logits = True

    @abstractmethod
    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head.

        Args:
            features: (N, C_l, H_l, W_l) each, finest first.
            audio: (N, 1, D).
            clip_lengths: Frames of each clip; their sum is N and frames are clip-major.
            frame_valid: (N,) bool, False for padding; None when there is no padding.
        """

    @abstractmethod
    def loss(self, output: AVSHeadOutput, data_samples: list[AVSDataSample]) -> dict[str, Tensor]:
        """Scalar loss terms by name; the runner adds those named `loss_*`."""

    @abstractmethod
    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """What the largest of decides each pixel, (N, K, H, W) at `img_shape` (H, W).

        Logits before sigmoid (K = 1) or softmax (K > 1). A head that classifies masks has none for
        K > 1: it returns `class_score_maps` and says so by `predicts_logits`.
        """


class DenseAVSHead(AVSDecodeHead):
    """Base of the heads that predict one map of logits a frame.

    The loss is taken on annotated frames only: the prediction against the target, and the mean
    channel of the mask feature against "anything sounds here".

    Args:
        in_channels: Channels of the backbone levels; the segmentor fills it in.
        audio_channels: Width D of the audio embedding; the segmentor fills it in.
        num_classes: K.
        loss_mask: Config of the loss on the logits.
        loss_mix: Config of the loss on the mask feature, weight included; None leaves it out.
        loss_match: Config of the loss on the pairs of map and audio, over the frames that it
            names itself; None leaves it out.
    """

    def __init__(
        self,
        in_channels: list[int],
        audio_channels: int,
        num_classes: int,
        loss_mask: dict,
        loss_mix: dict | None,
        loss_match: dict | None = None,
    ) -> None:
        super().__init__(in_channels, audio_channels, num_classes)
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_mix = None if loss_mix is None else MODELS.build(loss_mix)
        self.loss_match = None if loss_match is None else MODELS.build(loss_match)

    def loss(self, output: AVSHeadOutput, data_samples: list[AVSDataSample]) -> dict[str, Tensor]:
        """`loss_mask` and `loss_mix` over the annotated frames, `loss_match`, auxiliary terms."""
        targets = torch.cat([sample.gt_masks for sample in data_samples])  # (N, H, W)
        gt_valid = torch.cat([sample.gt_valid for sample in data_samples])
        annotated = gt_valid.nonzero().flatten()
        further = dict(output.aux)
        if self.loss_match is not None:
            further['loss_match'] = self.loss_match(output.matched, output.logits, gt_valid)
        if len(annotated) == 0:
            # Nothing to learn from, but every parameter still takes part in the graph.
            zero = 0.0 * (output.logits.sum() + output.mask_feature.sum())
            return {'loss_mask': zero, **further}
        targets = targets[annotated]
        logits = _resize(output.logits[annotated], targets.shape[-2:])
        losses = {'loss_mask': self.loss_mask(logits, targets)}
        if self.loss_mix is not None:
            mixed = output.mask_feature[annotated].mean(1, keepdim=True)  # (n, 1, H/4, W/4)
            mixed = _resize(mixed, targets.shape[-2:])
            losses['loss_mix'] = self.loss_mix(mixed, (targets != 0).long())
        return losses | further

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits (N, K, H, W) at `img_shape` (H, W)."""
        return _resize(output.logits, img_shape)


def class_targets(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Classes (G,) that occur in label maps, and their masks (G, *labels.shape) as float.

    The background is one of them; padded pixels belong to none.
    """
    classes = labels.unique()
    classes = classes[classes != IGNORE]
    return classes, (labels == classes.view(-1, *[1] * labels.dim())).float()


def class_score_maps(cls_logits: Tensor, mask_logits: Tensor, img_shape: tuple[int, int]) -> Tensor:
    """Sum over the queries of class probability times mask: 1 for one query certain of both.

    Args:
        cls_logits: (N, Q, C + 1), "no object" last.
        mask_logits: (N, Q, h, w).
        img_shape: (H, W) of the result.

    Returns:
        (N, C, H, W).
    """
    masks = _resize(mask_logits, img_shape)
    classes = cls_logits.softmax(-1)[..., :-1]  # (N, Q, C)
    return torch.einsum('nqc,nqhw->nchw', classes, masks.sigmoid())


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size, mode='bilinear', align_corners=False)
