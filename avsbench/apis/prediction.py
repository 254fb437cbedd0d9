"""The network's output for one mask of a video: the mask at full size, its rows of the table."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from avsbench.apis.selection import MaskSpan
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import THRESHOLD, foreground, probabilities, resize

NO_CLASS = 'nothing marked'
"""Class of the one row of an empty mask."""

FIELDS = {'logits': 'seg_logits', 'probabilities': 'seg_probs'}
"""What `with_logits` keeps: its name in a prediction, and in a data sample."""

COLUMNS = ('mask', 'start', 'class', 'area', 'mean_probability')


@dataclass(frozen=True)
class TableRow:
    """One class in one mask: a row of the table.

    Attributes:
        mask: Number of the mask, from 1: that of its file, and with one mask per second that of
            the second.
        start: Seconds from the first frame to where the mask begins.
        name: Of the class; `NO_CLASS` for an empty mask.
        area: Fraction of the image, 0 to 1.
        probability: Mean over the pixels of the class; None where there are none.
    """

    mask: int
    start: float
    name: str
    area: float
    probability: float | None

    def as_dict(self) -> dict[str, str | float | None]:
        """The values by the names in `COLUMNS`."""
        values = (self.mask, self.start, self.name, self.area, self.probability)
        return dict(zip(COLUMNS, values, strict=True))

    def cells(self) -> tuple[str, ...]:
        """The values as text, in the order of `COLUMNS`."""
        probability = '' if self.probability is None else f'{self.probability:.4f}'
        start = second_text(self.start)
        return str(self.mask), start, self.name, f'{self.area:.6f}', probability


@dataclass(frozen=True)
class MaskPrediction:
    """The prediction for one mask, at the size of the network's input.

    Attributes:
        span: Number of the mask, and the part of the video that it belongs to.
        size: (H, W) of the video.
        labels: (h, w) uint8 most probable class; None for a network with one class.
        score: (h, w) float32: logit or probability of the foreground for a network with one class,
            else the probability of the most probable class.
        frame: (h', w', 3) uint8, RGB, the frame of the video, see `ResizedFrame.thumbnail`.
        log_mel: (frames, bands) float32 of the second; None without sound.
        threshold: A pixel is marked where its probability exceeds this; with several classes, as
            the most probable one of those that aren't the background. None: 0.5 with one class;
            with several, the most probable class, which may be the background.
        maps: Maps of all classes (K, h, w), if asked for: 'logits', or 'probabilities' of a network
            that has no logits.
        front_end: Name of what computed the log-mel; None without sound.
        has_logit: Whether the score is a logit.
        objects: (h, w) uint8 most probable class and (h, w) float32 its probability, without the
            background; None for a network with one class, or without background.
    """

    span: MaskSpan
    size: tuple[int, int]
    labels: Tensor | None
    score: Tensor
    frame: np.ndarray
    log_mel: np.ndarray | None = None
    threshold: float | None = None
    maps: dict[str, Tensor] = field(default_factory=dict)
    front_end: str | None = None
    has_logit: bool = True
    objects: tuple[Tensor, Tensor] | None = None

    @property
    def number(self) -> int:
        """Number of the mask, from 1."""
        return self.span.index + 1

    @property
    def start(self) -> float:
        """Seconds from the first frame to where the mask begins."""
        return float(self.span.start)

    @property
    def label(self) -> str:
        """What the mask is called in images: its second, or its number and where it begins."""
        if self.span.start == self.span.index and self.span.stop == self.number:
            return f'second {self.number}'
        return f'mask {self.number}, {second_text(self.start)} s'

    def masked(self, size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mask and probability of each pixel, enlarged as the masks of a test are.

        Args:
            size: (H, W); None for that of the video.

        Returns:
            (H, W) uint8, 0 and 1 or the class index; (H, W) float32.
        """
        size = size or self.size
        if self.labels is None:
            score = resize(self.score[None, None], size)
            probability = (probabilities(score) if self.has_logit else score)[0, 0]
            mask = foreground(probability, THRESHOLD if self.threshold is None else self.threshold)
        else:
            above = self.threshold is not None and self.objects is not None
            labels, score = self.objects if above else (self.labels, self.score)
            probability = resize(score[None, None], size, 'nearest')[0, 0]
            mask = resize(labels[None, None], size, 'nearest')[0, 0]
            if above:
                mask = mask * foreground(probability, self.threshold)
        return mask.numpy(), probability.numpy()

    def table_rows(
        self,
        mask: np.ndarray,
        probability: np.ndarray,
        classes: Sequence[str],
        *,
        background: bool = True,
    ) -> list[TableRow]:
        """The classes in a mask, the largest area first.

        Args:
            mask: (H, W) uint8, from `masked`.
            probability: (H, W) float32, from `masked`.
            classes: Names by class index.
            background: Whether the first of them is the background, which has no row.
        """
        first = int(background)
        counts = np.bincount(mask.ravel(), minlength=len(classes))
        totals = np.bincount(mask.ravel(), probability.ravel(), minlength=len(classes))
        order = np.argsort(-counts, kind='stable')
        present = [index for index in order if index >= first and counts[index]]
        return [
            TableRow(
                self.number,
                self.start,
                classes[index],
                float(counts[index] / mask.size),
                float(totals[index] / counts[index]),
            )
            for index in present
        ] or [TableRow(self.number, self.start, NO_CLASS, 0.0, None)]


def mask_predictions(
    sample: AVSDataSample,
    clip: dict,
    spans: Sequence[MaskSpan],
    thumbnails: Sequence[np.ndarray],
    *,
    size: tuple[int, int],
    threshold: float | None,
    with_logits: bool,
    background: bool,
) -> list[MaskPrediction]:
    """Split the prediction for a clip into those for its masks.

    Args:
        sample: With a prediction for the kept frames of a clip, or for all.
        clip: The packed clip.
        spans: The masks that the first of the predicted frames stand for; further ones fill the
            clip.
        thumbnails: Their frames.
        size: (H, W) of the video.
        threshold: See `MaskPrediction`.
        with_logits: Keep the logits of all classes, or the probabilities where there are none.
        background: Whether the first of several classes is the background.
    """
    part = slice(len(spans))
    objects = None
    if sample.num_classes == 1:
        maps = sample.seg_logits if 'seg_logits' in sample else sample.seg_probs
        labels, scores = None, maps[part, 0].float().cpu()
    else:
        labels = sample.pred_masks[part].cpu()
        of_classes = sample.probabilities()[part].float()
        scores = of_classes.amax(1).cpu()
        if background:
            best = of_classes[:, 1:].max(1)
            objects = (best.indices + 1).to(torch.uint8).cpu(), best.values.cpu()
    kept = {
        name: sample.get(key)[part].float().cpu()
        for name, key in FIELDS.items()
        if with_logits and key in sample
    }
    audio = clip['inputs'].get('audio')
    return [
        MaskPrediction(
            span=span,
            size=size,
            labels=None if labels is None else labels[place],
            score=scores[place],
            frame=thumbnails[place],
            log_mel=None if audio is None else audio[place, 0].numpy(),
            threshold=threshold,
            maps={name: values[place] for name, values in kept.items()},
            front_end=sample.get('front_end'),
            has_logit='seg_logits' in sample,
            objects=None if objects is None else (objects[0][place], objects[1][place]),
        )
        for place, span in enumerate(spans)
    ]


class InOrder:
    """Hands predictions on in the order of their masks, which clips that interleave are not in."""

    def __init__(self) -> None:
        self._waiting: dict[int, MaskPrediction] = {}
        self._following = 0

    def add(self, found: Sequence[MaskPrediction]) -> list[MaskPrediction]:
        """Those that follow the ones before without a gap."""
        self._waiting |= {prediction.span.index: prediction for prediction in found}
        ready = []
        while self._following in self._waiting:
            ready.append(self._waiting.pop(self._following))
            self._following += 1
        return ready


def second_text(second: float) -> str:
    """Seconds with as many digits as the masks of a video need to differ."""
    return f'{round(second, 3):.10g}'


def check_threshold(threshold: float | None) -> None:
    """Raise a `ConfigError` unless a threshold is a probability or None."""
    if threshold is not None and not 0 <= threshold < 1:
        raise ConfigError(f'threshold={threshold}: expected a probability, 0 to below 1')
