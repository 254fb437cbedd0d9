"""Frames as candidate areas, and the best score of a model that knows only part of the truth.

Candidates never overlap, so every score of a union of whole candidates follows from their areas in
pixels: nothing has to be rendered or read again.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from avsbench.synthetic.state import subset_bits

BETA2 = 0.3  # of the F-score
BLOCK = 1024  # frames scored at a time, to bound the memory
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Frames:
    """All labelled frames of a split, R rows.

    Sets of candidates are numbers: bit n = candidate n.

    Args:
        areas: (R, N) pixels of each candidate.
        kinds: (R, N) class of each candidate.
        sounding: (R,) the set that sounds.
        loudest: (R,) the set of the loudest sounding candidate alone, 0 in silence.
        blind: (R, 2**N) probability of each set, known to a model without audio.
        unordered: (R, 2**N) the same, known to a model that also knows which sets
            the clip has, but not their order.
        pixels: Of an image.
    """

    areas: np.ndarray
    kinds: np.ndarray
    sounding: np.ndarray
    loudest: np.ndarray
    blind: np.ndarray
    unordered: np.ndarray
    pixels: int

    @property
    def exact(self) -> np.ndarray:
        """(R, 2**N) the set that sounds, as a probability."""
        return np.eye(self.blind.shape[1])[self.sounding]

    @property
    def timbre_only(self) -> np.ndarray:
        """(R, 2**N), known to a model that tells classes and their number, but not instances."""
        bits = subset_bits(self.kinds.shape[1])
        same = self.kinds[:, :, None] == self.kinds[:, None, :]  # (R, N, N)
        counts = np.einsum('sn,rnm->rsm', bits.astype(int), same.astype(int))  # (R, 2**N, N)
        true = counts[np.arange(len(counts)), self.sounding]
        possible = (counts == true[:, None]).all(axis=-1)
        return possible / possible.sum(axis=1, keepdims=True)


def join(parts: list[Frames]) -> Frames:
    """One table of several, with images of one size."""
    values = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Frames)
        if field.name != 'pixels'
    }
    return Frames(**values, pixels=parts[0].pixels)


def binary_oracle(frames: Frames, weights: np.ndarray) -> dict:
    """J and F of the best union of whole candidates, frame by frame.

    Args:
        frames: The frames.
        weights: (R, 2**N) what the oracle believes of the sounding set.
    """
    iou, f_measure = _binary_scores(frames, weights)
    return _summary(iou.max(axis=1), f_measure.max(axis=1), 1 - weights[:, 0])


def binary_choice(frames: Frames, chosen: np.ndarray) -> dict:
    """J and F of the given sets (R,) as predictions, by what really sounds."""
    iou, f_measure = _binary_scores(frames, frames.exact)
    rows = np.arange(len(chosen))
    return _summary(iou[rows, chosen], f_measure[rows, chosen], frames.sounding != 0)


def semantic_oracle(frames: Frames, weights: np.ndarray, classes: list[int]) -> dict:
    """Each class's best counted IoU and F, and the background's, over all choices of unions.

    The classes are maximised one by one, so together they bound any one predictor.
    """
    return _semantic_scores(frames, weights, classes, None)


def semantic_choice(frames: Frames, chosen: np.ndarray, classes: list[int]) -> dict:
    """The same scores for the given sets (R,) as predictions."""
    return _semantic_scores(frames, frames.exact, classes, chosen)


def _binary_scores(frames: Frames, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected IoU and F of every union as prediction: 2 x (R, 2**N).

    An empty target gives the share of pixels left background as IoU, and no F.
    """

    def iou(inter: np.ndarray, predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
        score = inter / (predicted + target - inter + 1e-7)
        score[..., 0] = (frames.pixels - predicted[..., 0]) / (frames.pixels + 1e-7)
        return score

    return _expect(iou, frames.areas, weights), _expect(_f_measure, frames.areas, weights)


def _semantic_scores(
    frames: Frames, weights: np.ndarray, classes: list[int], chosen: np.ndarray | None
) -> dict:
    def background(score: Score) -> Score:
        def of_rest(inter: np.ndarray, predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
            shared = frames.pixels - (predicted + target - inter)
            return score(shared, frames.pixels - predicted, frames.pixels - target)

        return of_rest

    per_class = {}
    for kind in classes:
        shown = (frames.kinds == kind).any(axis=1)  # elsewhere the class is neither true nor chosen
        areas = (frames.areas * (frames.kinds == kind))[shown]
        believed, choice = weights[shown], None if chosen is None else chosen[shown]
        counted = _expect(_present, areas, believed)
        per_class[kind] = {
            name: _counted_mean(_expect(score, areas, believed), counted, choice)
            for name, score in (('J', _iou), ('F', _f_measure))
        }
    always = np.ones(weights.shape)  # the background is in every frame
    rest = {
        name: _counted_mean(_expect(background(score), frames.areas, weights), always, chosen)
        for name, score in (('J', _iou), ('F', _f_measure))
    }
    return {'classes': per_class, 'background': rest}


def _expect(score: Score, areas: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expectation of a score of every union as prediction: (R, 2**N).

    Args:
        score: Takes pixels shared, predicted and true, and returns (r, 2**N, 2**N).
        areas: (R, N) pixels of each candidate.
        weights: (R, 2**N) probability of each set as target.
    """
    bits = subset_bits(areas.shape[1])
    sets = np.arange(len(bits))
    expected = []
    for start in range(0, len(areas), BLOCK):
        rows = slice(start, start + BLOCK)
        area = areas[rows].astype(float) @ bits.T  # (r, 2**N)
        inter = area[:, sets[:, None] & sets]  # (r, 2**N, 2**N)
        predicted = np.broadcast_to(area[:, :, None], inter.shape)
        target = np.broadcast_to(area[:, None, :], inter.shape)
        expected.append(np.einsum('rps,rs->rp', score(inter, predicted, target), weights[rows]))
    return np.concatenate(expected)


def _iou(inter: np.ndarray, predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    union = predicted + target - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def _f_measure(inter: np.ndarray, predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    total = BETA2 * target + predicted
    return np.divide((1 + BETA2) * inter, total, out=np.zeros_like(inter), where=total > 0)


def _present(inter: np.ndarray, predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    return (predicted + target > 0).astype(float)


def _summary(iou: np.ndarray, f_measure: np.ndarray, sounding: np.ndarray) -> dict:
    """Frame means; F over the frames with a target, None without any."""
    share = float(np.sum(sounding))
    return {
        'J': float(iou.mean()),
        'F': float(f_measure.sum() / share) if share > 0 else None,
    }


def _counted_mean(
    score: np.ndarray, counted: np.ndarray, chosen: np.ndarray | None
) -> float | None:
    """Sum of a class's scores over the number of frames in which it is true or predicted.

    Args:
        score: (R, 2**N) expected score of every union as prediction.
        counted: (R, 2**N) probability that the frame counts.
        chosen: (R,) the unions predicted; None = those with the highest ratio of the two sums.

    Returns:
        The ratio; None if no frame counts.
    """
    rows = np.arange(len(score))
    ratio, best = 0.0, chosen
    while True:
        if chosen is None:  # Dinkelbach's iteration: the ratio rises until no choice improves it
            best = np.argmax(score - ratio * counted, axis=1)
        total = counted[rows, best].sum()
        if total == 0:
            return None
        reached = score[rows, best].sum() / total
        if chosen is not None or reached <= ratio + 1e-12:
            return float(reached)
        ratio = reached
