"""What a network says about one slot of a video: its mask at full size, its rows of the table."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch import Tensor

from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import THRESHOLD, foreground, probabilities, resize

NOTHING = 'none'
"""Class of the one row of a slot in which nothing is marked."""

FIELDS = {'logits': 'seg_logits', 'probabilities': 'seg_probs'}
"""What `with_logits` keeps: its name in a prediction, and in a data sample."""

COLUMNS = ('second', 'class', 'area', 'mean_probability')


@dataclass(frozen=True)
class Row:
    """One class in one slot.

    Attributes:
        second: at which the slot begins.
        name: of the class; `NOTHING` for a slot without any.
        area: share of the picture, 0 to 1.
        probability: mean over the marked pixels; None where there are none.
    """

    second: float
    name: str
    area: float
    probability: float | None

    def as_dict(self) -> dict[str, str | float | None]:
        """By the names of `COLUMNS`."""
        values = (self.second, self.name, self.area, self.probability)
        return dict(zip(COLUMNS, values, strict=True))

    def cells(self) -> tuple[str, ...]:
        """As text, for `COLUMNS`."""
        probability = '' if self.probability is None else f'{self.probability:.4f}'
        return f'{self.second:g}', self.name, f'{self.area:.6f}', probability


@dataclass(frozen=True)
class SlotPrediction:
    """The network's answer for one slot, at the size of its input.

    Attributes:
        slot: number of the slot.
        fps: slots a second.
        size: (H, W) of the video.
        classes: names by class index, the background first.
        labels: (h, w) uint8 most probable class; None for a network that tells one class.
        score: (h, w) float32: logit of sounding for a network that tells one class, else the
            probability of the most probable class.
        frame: (h, w, 3) uint8, RGB, that the network has seen.
        log_mel: (96, 64) float32 of the second.
        threshold: a pixel is marked where its probability exceeds this; None for 0.5 of a network
            that tells one class, and for the most probable class whatever its probability of one
            that tells several.
        logits: (K, h, w) as the network gave them; None if not asked for, or if it has none.
        probabilities: (K, h, w) of a network that has no logits, if asked for; else None.
    """

    slot: int
    fps: int
    size: tuple[int, int]
    classes: tuple[str, ...]
    labels: Tensor | None
    score: Tensor
    frame: np.ndarray
    log_mel: np.ndarray
    threshold: float | None = None
    logits: Tensor | None = None
    probabilities: Tensor | None = None

    @property
    def second(self) -> float:
        """At which the slot begins."""
        return float(Fraction(self.slot, self.fps))

    def masked(self, size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mask and probability of each pixel, enlarged as the masks of a test are.

        Args:
            size: (H, W); None for that of the video.

        Returns:
            (H, W) uint8, 0 and 1 or the class index; (H, W) float32.
        """
        size = size or self.size
        if self.labels is None:
            logits = resize(self.score[None, None], size)
            probability = probabilities(logits)[0, 0]
            mask = foreground(probability, THRESHOLD if self.threshold is None else self.threshold)
        else:
            probability = resize(self.score[None, None], size, 'nearest')[0, 0]
            mask = resize(self.labels[None, None], size, 'nearest')[0, 0]
            if self.threshold is not None:
                mask = mask * foreground(probability, self.threshold)
        return mask.numpy(), probability.numpy()

    def rows(self, mask: np.ndarray, probability: np.ndarray) -> list[Row]:
        """The classes in a mask of `masked`, the largest area first."""
        counts = np.bincount(mask.ravel(), minlength=len(self.classes))
        totals = np.bincount(mask.ravel(), probability.ravel(), minlength=len(self.classes))
        present = [index for index in np.argsort(-counts, kind='stable') if index and counts[index]]
        return [
            Row(
                self.second,
                self.classes[index],
                float(counts[index] / mask.size),
                float(totals[index] / counts[index]),
            )
            for index in present
        ] or [Row(self.second, NOTHING, 0.0, None)]


def slot_predictions(
    sample: AVSDataSample,
    item: dict,
    slots: tuple[int, ...],
    *,
    fps: int,
    size: tuple[int, int],
    classes: tuple[str, ...],
    threshold: float | None,
    with_logits: bool,
) -> list[SlotPrediction]:
    """Take apart what a network says about a clip.

    Args:
        sample: with a prediction.
        item: the packed clip.
        slots: that its first frames stand for; further frames were added to fill the clip.
        fps: slots a second.
        size: (H, W) of the video.
        classes: names, the background first.
        threshold: see `SlotPrediction`.
        with_logits: keep the logits of all classes, or the probabilities where there are none.
    """
    part = slice(len(slots))
    if sample.num_classes == 1:
        labels, scores = None, sample.seg_logits[part, 0].float().cpu()
    else:
        labels = sample.pred_masks[part].cpu()
        scores = sample.probabilities()[part].amax(1).float().cpu()
    kept = {
        name: sample.get(field)[part].float().cpu()
        for name, field in FIELDS.items()
        if with_logits and field in sample
    }
    frames = item['inputs']['frames'][:, :3].permute(0, 2, 3, 1).numpy()
    patches = item['inputs']['audio'][:, 0].numpy()
    return [
        SlotPrediction(
            slot=slot,
            fps=fps,
            size=size,
            classes=classes,
            labels=None if labels is None else labels[index],
            score=scores[index],
            frame=frames[index],
            log_mel=patches[index],
            threshold=threshold,
            **{name: maps[index] for name, maps in kept.items()},
        )
        for index, slot in enumerate(slots)
    ]


def check_threshold(threshold: float | None) -> None:
    """Raise a `ConfigError` unless a threshold is a probability or None."""
    if threshold is not None and not 0 <= threshold < 1:
        raise ConfigError(f'threshold={threshold}: expected a probability, 0 to below 1')
