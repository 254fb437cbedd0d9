"""What every decode head offers, and the typed values that go in and out of it."""

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import xavier_init
from avsbench.models.losses.pixel import IGNORE, foreground, full_precision
from avsbench.models.tokens import TokenState
from avsbench.registry import MODELS
from avsbench.utils.maps import resize
from avsbench.utils.signatures import GatheringMeta
from avsbench.utils.transfer import fetch, send

Features = list[Tensor] | TokenState
"""What a head gets of a backbone: levels (N, C_l, H_l, W_l), finest first, or tokens."""


@dataclass(frozen=True)
class HeadSizes:
    """Sizes of what a head reads and predicts; a config names `num_classes` alone.

    Attributes:
        in_channels: Channels C_l of the backbone levels, finest first; the segmentor fills it in.
        audio_channels: Width D of the audio embedding; the segmentor fills it in. None without
            sound.
        num_classes: K, 1 for S4 and MS3, 71 for AVSS.
        audio_grid: Rows and columns of the audio tokens of a frame, A together; the segmentor fills
            it in for heads that accept more than one token.
    """

    in_channels: list[int]
    audio_channels: int | None
    num_classes: int
    audio_grid: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class FrameTargets:
    """Targets of the N frames of a batch.

    Attributes:
        masks: (N, H, W) int64, 0 and 1 or the class index; `IGNORE` in padded pixels.
        annotated: (N,) bool, False where a frame has no target.
        frames: Indices of the annotated frames, for the host; None reads them from `annotated`,
            which waits for the device.
        categories: What sounds in each clip, None for a clip of which it isn't known; empty where
            it is known of none.
    """

    masks: Tensor
    annotated: Tensor
    frames: tuple[int, ...] | None = None
    categories: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        """Let the host know which frames are annotated."""
        if self.frames is None:
            frames = tuple(fetch(self.annotated).nonzero()[0].tolist())
            object.__setattr__(self, 'frames', frames)

    def select(self, values: Tensor, axis: int = 0) -> Tensor:
        """The values of the annotated frames, of values that have the N frames along an axis."""
        if len(self.frames) == values.shape[axis]:
            return values
        return values.index_select(axis, send(self.frames, values.device, torch.long))

    def lengths(self, clip_lengths: tuple[int, ...]) -> list[int]:
        """How many frames of each clip are annotated."""
        ends = list(itertools.accumulate(clip_lengths))
        return [
            sum(end - length <= frame < end for frame in self.frames)
            for end, length in zip(ends, clip_lengths, strict=True)
        ]


@dataclass(kw_only=True)
class AVSHeadOutput:
    """What a head computes for N frames: `logits`, or `cls_logits` and `mask_logits`.

    Attributes:
        logits: (N, K, h, w) before sigmoid (K = 1) or softmax.
        aux_logits: (N, K, h, w), earlier logits that the loss compares, too.
        cls_logits: (predictions, N, Q, K + 1), classes of the queries, "none" last, in several
            predictions, the last one final.
        mask_logits: (predictions, N, Q, h, w), their masks.
        clip_lengths: Frames of each clip, where a loss compares frames.
        mask_feature: (N, C, h', w'), where a loss compares it with the targets.
        matched_pairs: Pairs of a map (N, C, h_l, w_l) and an audio vector (N, C) that a loss
            compares.
        aux: Further loss terms a part has computed, by name (`loss_*`).
    """

    logits: Tensor | None = None
    aux_logits: Tensor | None = None
    cls_logits: Tensor | None = None
    mask_logits: Tensor | None = None
    clip_lengths: tuple[int, ...] = ()
    mask_feature: Tensor | None = None
    matched_pairs: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    aux: dict[str, Tensor] = field(default_factory=dict)

    def full_precision(self) -> 'AVSHeadOutput':
        """The same with logits in full precision."""
        names = ('logits', 'aux_logits', 'cls_logits', 'mask_logits')
        logits = {name: getattr(self, name) for name in names}
        full = {name: full_precision(part) for name, part in logits.items() if part is not None}
        return replace(self, **full)

    def select(self, frames: Tensor) -> 'AVSHeadOutput':
        """What was computed for some frames, to predict them alone.

        What only a loss reads, of whole clips, is left out: `clip_lengths`, `matched_pairs`, `aux`.

        Args:
            frames: (n,) int64, their indices among the N.
        """
        axes = {'logits': 0, 'aux_logits': 0, 'cls_logits': 1, 'mask_logits': 1, 'mask_feature': 0}
        values = {name: getattr(self, name) for name in axes}
        return AVSHeadOutput(
            **{
                name: None if value is None else value.index_select(axes[name], frames)
                for name, value in values.items()
            }
        )


class AVSDecodeHead(BaseModule, metaclass=GatheringMeta):
    """Base of all decode heads.

        features, audio --forward--> AVSHeadOutput --(loss, with FrameTargets)--> terms by name
                                                   --(predict)--> (N, K, H, W) --> masks

    Attributes:
        accepts_padding: Whether clips may be padded: what the frames hold where `frame_valid` is
            False changes nothing for the others, and their logits are zero. Otherwise the segmentor
            refuses a data preprocessor that pads.
        accepts_audio_grid: Whether the head reads several audio tokens per frame, of
            `sizes.audio_grid`. Otherwise the segmentor refuses an audio encoder that gives more
            than one.
        accepts_tokens: Whether the head reads a `TokenState`, and runs the last blocks of the
            backbone, instead of reading its levels. The segmentor refuses a backbone that does not
            fit.

    Args:
        sizes: Sizes of what the head reads and predicts; a config names `num_classes`, and the
            segmentor adds the others.
    """

    accepts_padding: ClassVar[bool] = False
    accepts_audio_grid: ClassVar[bool] = False
    accepts_tokens: ClassVar[bool] = False

    def __init__(self, sizes: HeadSizes) -> None:
        super().__init__()
        self.num_classes = sizes.num_classes

    @abstractmethod
    def forward(
        self,
        features: Features,
        audio: Tensor | None,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head.

        Args:
            features: (N, C_l, H_l, W_l) each, finest first; or the backbone's tokens, if the head
                accepts those.
            audio: (N, A, D), A = 1 unless the head accepts a grid; None for a network without
                audio encoder.
            clip_lengths: Frames of each clip; their sum is N and frames are clip-major. When a
                network is exported they are (T,), whatever the number of clips of T frames.
            frame_valid: (N,) bool, False for padding; None where there is none, as always for a
                head that does not accept padding.
        """

    @abstractmethod
    def loss(self, output: AVSHeadOutput, targets: FrameTargets) -> dict[str, Tensor]:
        """Scalar loss terms by name; the runner adds those named `loss_*`."""

    @abstractmethod
    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Maps (N, K, H, W) at `img_shape` (H, W), of which the largest decides a pixel.

        Logits, or where `predicts_logits` is False probabilities, whose sums may exceed 1.
        """

    @property
    def predicts_logits(self) -> bool:
        """Whether `predict` returns logits, before sigmoid (K = 1) or softmax (K > 1)."""
        return True


class DenseAVSHead(AVSDecodeHead):
    """Base of the heads that predict one map of logits per frame.

    The loss is taken on annotated frames only: the prediction against the target, and the mean
    channel of the mask feature against "any class but the background".

    Args:
        sizes: See `AVSDecodeHead`.
        loss_mask: Config of the loss on the logits.
        loss_mix: Config of the loss on the mask feature, weight included; None leaves it out.
        loss_match: Config of the loss on the pairs of map and audio, over the frames that it
            names itself; None leaves it out.
    """

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        loss_mask: dict,
        loss_mix: dict | None = None,
        loss_match: dict | None = None,
    ) -> None:
        super().__init__(sizes)
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_mix = None if loss_mix is None else MODELS.build(loss_mix)
        self.loss_match = None if loss_match is None else MODELS.build(loss_match)

    def loss(self, output: AVSHeadOutput, targets: FrameTargets) -> dict[str, Tensor]:
        """`loss_mask` and `loss_mix` over the annotated frames, `loss_match`, auxiliary terms."""
        further = dict(output.aux)
        if self.loss_match is not None:
            further['loss_match'] = self.loss_match(
                output.matched_pairs, output.logits, targets.annotated, targets.masks != IGNORE
            )
        if not targets.frames:
            # Nothing to learn from, but every parameter still takes part in the graph.
            parts = [part for part in (output.logits, output.mask_feature) if part is not None]
            return {'loss_mask': 0.0 * sum(part.sum() for part in parts), **further}
        masks = targets.select(targets.masks)  # (n, H, W)
        logits = resize(targets.select(output.logits), masks.shape[-2:])
        losses = {'loss_mask': self.loss_mask(logits, masks)}
        if self.loss_mix is not None:
            mixed = targets.select(output.mask_feature).mean(1, keepdim=True)  # (n, 1, H/4, W/4)
            losses['loss_mix'] = self.loss_mix(resize(mixed, masks.shape[-2:]), foreground(masks))
        return losses | further

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits (N, K, H, W) at `img_shape` (H, W)."""
        return resize(output.logits, img_shape)


class QueryAVSHead(AVSDecodeHead):
    """Base of the heads whose queries have a class and a mask each, in several predictions.

    Deep supervision: every prediction is compared with the targets, by the same criterion. For
    K = 1 the head makes logits of the last prediction; for K > 1 each class is the sum over the
    queries of class probability times mask.

    Frames are matched and compared one by one or by clip, padded ones like others; so clips must
    be packed.
    """

    transformer_decoder: nn.Module  # of those that have one

    @abstractmethod
    def prediction_losses(
        self, output: AVSHeadOutput, targets: FrameTargets
    ) -> list[dict[str, Tensor]]:
        """Loss terms by name of each prediction.

        All at once, so that what the host has to know of them takes one transfer.
        """

    @abstractmethod
    def binary_logits(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits (N, 1, H, W) of the last prediction, for K = 1."""

    def loss(self, output: AVSHeadOutput, targets: FrameTargets) -> dict[str, Tensor]:
        """The terms of every prediction; those of the last one have no number in their names."""
        found = self.prediction_losses(output, targets)
        losses = {}
        for index, terms in enumerate(found):
            suffix = '' if index == len(found) - 1 else f'_{index}'
            losses |= {f'{name}{suffix}': value for name, value in terms.items()}
        return losses

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits for K = 1, score maps for K > 1, (N, K, H, W) at `img_shape` (H, W)."""
        if self.predicts_logits:
            return self.binary_logits(output, img_shape)
        return self.score_maps(output, img_shape)

    def score_maps(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Sum over the queries of class probability times mask: 1 for one certain of both.

        Returns:
            (N, K, H, W) for all classes of a query but "none", at `img_shape` (H, W).
        """
        masks = resize(output.mask_logits[-1], img_shape)  # (N, Q, H, W)
        classes = output.cls_logits[-1].softmax(-1)[..., :-1]  # (N, Q, K)
        return torch.einsum('nqk,nqhw->nkhw', classes, masks.sigmoid())

    @property
    def predicts_logits(self) -> bool:
        """Whether there is one class."""
        return self.num_classes == 1

    def init_weights(self) -> None:
        """Published start: Xavier in the decoder's layers; the parts have their own."""
        super().init_weights()
        if hasattr(self, 'transformer_decoder'):
            xavier_init(self.transformer_decoder)


def present_classes(labels: Tensor, lengths: Sequence[int]) -> list[list[int]]:
    """Classes that occur in the label maps of each group of frames, background included.

    Padded pixels belong to none. The host learns of all groups in one transfer.

    Args:
        labels: (n, H, W) int64, classes of at most `IGNORE`.
        lengths: Frames of each group, whose sum is n.
    """
    if not len(labels):
        return [[] for _ in lengths]
    present = torch.zeros(len(labels), IGNORE + 1, dtype=torch.bool, device=labels.device)
    occurs = fetch(present.scatter_(1, labels.flatten(1), True))
    occurs[:, IGNORE] = False
    ends = list(itertools.accumulate(lengths))
    return [
        occurs[end - length : end].any(0).nonzero()[0].tolist()
        for end, length in zip(ends, lengths, strict=True)
    ]
