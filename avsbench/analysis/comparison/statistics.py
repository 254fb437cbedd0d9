"""Scores as functions of sums over clips, so that a resample of clips is a sum with weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from avsbench.analysis.comparison.results import Result
from avsbench.evaluation.functional import BETA2

Array = np.ndarray


@dataclass(frozen=True)
class Statistic:
    """A score of a set of clips.

    Attributes:
        name: Such as 'J'.
        value: (..., D) sums over clips -> (...) score.
        features: One array (C, D) for each result, clips in one order.
    """

    name: str
    value: Callable[[Array], Array]
    features: Sequence[Array]


def statistics_of(results: Sequence[Result]) -> list[Statistic]:
    """The scores that results are compared by.

    J is the headline mIoU, F that at the threshold of the set (or, of classes, the headline); the
    whole-set IoU sums pixels first. F is left out where one result has it from probabilities, and
    another from masks.

    Args:
        results: Comparable ones.
    """
    clips = list(dict.fromkeys(results[0].table['clip']))
    make = _semantic_features if results[0].semantic else _binary_features
    parts = [make(result, clips) for result in results]
    sources = {result.entry['protocol'].get('f_from') for result in results}
    with_f = len(sources) == 1
    j, f, dataset = ([part[key] for part in parts] for key in ('J', 'F', 'dataset'))
    width = j[0].shape[1]
    found = [Statistic('J', ratio_mean, j)]
    if with_f:
        both = [np.concatenate(pair, axis=1) for pair in zip(j, f, strict=True)]
        found += [
            Statistic('F', ratio_mean, f),
            Statistic(
                'J&F', lambda s: (ratio_mean(s[..., :width]) + ratio_mean(s[..., width:])) / 2, both
            ),
        ]
    pooled = present_ratio_mean if results[0].semantic else ratio_mean
    return [*found, Statistic('IoU of the set', pooled, dataset)]


def ratio_mean(sums: Array) -> Array:
    """Mean over K of numerators (..., K) over denominators (..., K), 0 where there is none."""
    top, bottom = np.split(sums, 2, axis=-1)
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0).mean(-1)


def present_ratio_mean(sums: Array) -> Array:
    """The same, but the mean of those that have a denominator."""
    top, bottom = np.split(sums, 2, axis=-1)
    ratios = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return ratios.sum(-1) / np.maximum((bottom > 0).sum(-1), 1)


def class_rows(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each class of each frame: clip, padded, class, areas, IoU and F."""
    lists = ['classes', 'target', 'predicted', 'intersection']
    rows = table[['clip', 'padded', *lists]].copy()
    for name in lists:
        rows[name] = rows[name].str.split()
    rows = rows.explode(lists, ignore_index=True)
    rows[lists] = rows[lists].astype(np.int64)
    hits, predicted, target = (
        rows[n].to_numpy(float) for n in ('intersection', 'predicted', 'target')
    )
    rows['union'] = predicted + target - hits
    rows['IoU'] = hits / rows.union
    # F = 1.3 hits / (0.3 target + predicted), from precision and recall
    rows['F'] = (1 + BETA2) * hits / (BETA2 * target + predicted)
    return rows


def _binary_features(result: Result, clips: list[str]) -> dict[str, Array]:
    table = result.table
    real = table.padded == 0
    union = table.target + table.predicted - table.intersection
    columns = pd.DataFrame(
        {
            'clip': table['clip'],
            'iou': table.IoU,
            'frames': 1.0,
            'f': table.F.fillna(0),
            'objects': table.F.notna().astype(float),
            'hits': table.intersection.where(real, 0),
            'union': union.where(real, 0),
        }
    )
    sums = columns.groupby('clip').sum().loc[clips].to_numpy(float)
    return {'J': sums[:, 0:2], 'F': sums[:, 2:4], 'dataset': sums[:, 4:6]}


def _semantic_features(result: Result, clips: list[str]) -> dict[str, Array]:
    rows = class_rows(result.table)
    classes = result.entry['protocol']['num_classes']
    place = pd.Series(range(len(clips)), index=clips)[rows['clip']].to_numpy()
    where = (place, rows.classes.to_numpy())
    real = (rows.padded == 0).to_numpy(float)

    def summed(values: Array | float) -> Array:
        out = np.zeros((len(clips), classes))
        np.add.at(out, where, values)
        return out

    count = summed(1.0)
    pooled = [summed(rows[name].to_numpy(float) * real) for name in ('intersection', 'union')]
    return {
        'J': np.concatenate([summed(rows.IoU.to_numpy()), count], 1),
        'F': np.concatenate([summed(rows.F.to_numpy()), count], 1),
        'dataset': np.concatenate(pooled, 1),
    }
