"""From the frames of two tests, with another sound and with the clips' own, to numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from avsbench.analysis.comparison.resampling import bca_interval, bootstrap, jackknife
from avsbench.analysis.comparison.results import Result
from avsbench.analysis.comparison.statistics import ratio_mean, statistics_of
from avsbench.analysis.robustness.conditions import NOTHING
from avsbench.analysis.robustness.running import Outcome
from avsbench.analysis.robustness.settings import RobustnessSettings

Array = np.ndarray
J, LEAK, RETAINED, FPR, AREA, MARKED, SENSITIVITY = METRICS = (
    'J',
    'leak mIoU',
    'retained J',
    'FPR',
    'area marked',
    'frames marked',
    'sensitivity',
)
MEANINGS = {
    J: 'mean IoU by the protocol of the subset, where the labels hold',
    LEAK: 'the same against the labels of the original sound, where nothing sounds that can be '
    'seen: lower is better',
    RETAINED: 'J or leak mIoU as a share of J with the original sound, on the same clips',
    FPR: 'pixels marked where nothing is to be marked, as a share of the frame',
    AREA: 'pixels marked as a share of the frame',
    MARKED: 'share of frames with any pixel marked',
    SENSITIVITY: 'how much the prediction differs from that with the original sound: '
    '1 - |A and B| / |A or B| of each frame',
}
"""What the metrics are."""


@dataclass(frozen=True)
class _Score:
    """A number as a function of sums over clips.

    Attributes:
        name: One of `METRICS`.
        value: (..., D) sums -> (...).
        features: (C, D).
    """

    name: str
    value: Callable[[Array], Array]
    features: Array


def measure(
    outcome: Outcome,
    original: Result,
    settings: RobustnessSettings,
    rng: np.random.Generator,
    scenes: Mapping[str, str],
) -> list[dict]:
    """The numbers of a condition, with intervals over its clips.

    Args:
        outcome: Of the condition; its result is not None.
        original: The result with the clips' own sound.
        settings: Resamples and level.
        rng: Draws the resamples.
        scenes: Clip -> scene, where clips of one scene are drawn together; a clip without is alone.

    Returns:
        Rows with `metric`, `value`, `low` and `high`; NaN where a number does not exist.
    """
    clips = list(dict.fromkeys(outcome.result.table['clip']))
    units = np.unique([scenes.get(clip, clip) for clip in clips], return_inverse=True)[1]
    rows = []
    for score in _scores(outcome, original, clips):
        features = np.zeros((units.max() + 1, score.features.shape[1]))
        np.add.at(features, units, score.features)
        estimate = float(score.value(features.sum(0)))
        values = bootstrap(score.value, [features], settings.resamples, rng)[0]
        left_out = jackknife(score.value, features)
        low = high = np.nan
        if np.isfinite(estimate) and np.isfinite(values).all() and np.isfinite(left_out).all():
            low, high = bca_interval(values, estimate, left_out, settings.level)
        rows.append({'metric': score.name, 'value': estimate, 'low': low, 'high': high})
    return rows


def _scores(outcome: Outcome, original: Result, clips: Sequence[str]) -> list[_Score]:
    result, nothing = outcome.result, outcome.condition.truth == NOTHING
    same = replace(original, table=original.table[original.table['clip'].isin(clips)])
    ours, before = statistics_of([result, same])[0].features
    area = _areas(result).loc[clips]
    scores = [
        _Score(LEAK if nothing else J, ratio_mean, ours),
        _Score(FPR if nothing else AREA, ratio_mean, area[['area', 'frames']].to_numpy()),
        _Score(MARKED, ratio_mean, area[['marked', 'frames']].to_numpy()),
    ]
    if result is original:
        return scores
    changes = outcome.changes.groupby('clip').change.agg(['sum', 'count']).loc[clips]
    return [
        *scores,
        _Score(RETAINED, _retained, np.concatenate([ours, before], axis=1)),
        _Score(SENSITIVITY, ratio_mean, changes.to_numpy(float)),
    ]


def _retained(sums: Array) -> Array:
    """One mean over another, from their sums side by side."""
    ours, before = np.split(sums, 2, axis=-1)
    bottom = ratio_mean(before)
    return np.divide(ratio_mean(ours), bottom, out=np.full_like(bottom, np.nan), where=bottom > 0)


def _areas(result: Result) -> pd.DataFrame:
    """Of each clip: frames, shares of them marked (summed), and how many are marked at all."""
    table = result.table[result.table.padded == 0]
    cells = zip(table.classes, table.predicted, strict=True)
    predicted = table.predicted
    if result.semantic:
        predicted = np.array([_foreground(*row) for row in cells])
    # the published code adds 1e-7 to the pixels
    share = predicted / (table.height * table.width + 1e-7)
    frames = pd.DataFrame(
        {'clip': table['clip'], 'area': share, 'marked': predicted > 0, 'frames': 1.0}
    )
    return frames.groupby('clip').sum().astype(float)


def _foreground(classes: str, predicted: str) -> int:
    """Pixels of a frame in another class than the background, from cells of the table of frames."""
    areas = zip(classes.split(), predicted.split(), strict=True)
    return sum(int(area) for name, area in areas if int(name))
