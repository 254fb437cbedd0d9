"""Who wins where: J and wins by class, by area and by number of sources."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from avsbench.analysis.comparison.results import Result, System, class_names
from avsbench.analysis.comparison.statistics import class_rows

AREAS = (0.02, 0.1, 0.3)  # ends of the groups, as shares of the frame
MANY = 3  # sources and more are one group
_TIE = 1e-9


def clip_scores(systems: Sequence[System]) -> pd.DataFrame:
    """J of each clip (rows) and system (columns): mean IoU of its frames, mean of the seeds."""
    return pd.DataFrame(
        {s.name: sum(_clip_iou(r) for r in s.results) / len(s.results) for s in systems}
    )


def group_rows(systems: Sequence[System]) -> pd.DataFrame:
    """J and wins of the systems in groups of clips.

    A clip belongs to the group of its mean area of target, and of its highest number of sources.
    The class is that of the clip where it is named (S4); where masks have classes, a clip counts
    for each class in its target, by the IoU of that class.

    Returns:
        One row for each group. It has by, group, clips, J of each system, wins of each system
        (clips in which it is the only best one), and ties.
    """
    scores = clip_scores(systems)
    first = systems[0].results[0]
    groups = {'area': _areas(first), 'sources': _sources(first)}
    rows = []
    if first.semantic:
        rows += _rows('class', _class_scores(systems), None)
    else:
        rows += _rows('class', scores, first.table.groupby('clip').classes.first())
    for by, labels in groups.items():
        rows += _rows(by, scores, labels)
    return pd.DataFrame(rows)


def area_groups(shares: pd.Series) -> pd.Series:
    """Groups, in order, of areas of targets, as shares of the frame."""
    ends = [f'{100 * end:g}' for end in AREAS]
    names = [f'below {ends[0]} %', *(f'{a} to {b} %' for a, b in zip(ends, ends[1:], strict=False))]
    names = ['no target', *names, f'above {ends[-1]} %']
    codes = pd.cut(shares, [-1, 0, *AREAS, 1], labels=names)
    return codes.astype(pd.CategoricalDtype(names, ordered=True))


def source_groups(counts: pd.Series) -> pd.Series:
    """Groups, in order, of numbers of sources."""
    names = [*map(str, range(MANY)), f'{MANY} or more']
    labels = counts.clip(upper=MANY).map(lambda count: names[count])
    return labels.astype(pd.CategoricalDtype(names, ordered=True))


def _clip_iou(result: Result) -> pd.Series:
    table = result.table[result.table.padded == 0]
    return table.groupby('clip').IoU.mean()


def _areas(result: Result) -> pd.Series:
    table = result.table[result.table.padded == 0]
    if result.semantic:
        rows = class_rows(table)
        target = rows[rows.classes > 0].groupby('clip').target.sum()
    else:
        target = table.groupby('clip').target.sum()
    pixels = (table.height * table.width).groupby(table['clip']).sum()
    return area_groups(target.reindex(pixels.index, fill_value=0) / pixels)


def _sources(result: Result) -> pd.Series:
    return source_groups(result.table.groupby('clip').sources.max())


def _class_scores(systems: Sequence[System]) -> pd.DataFrame:
    """IoU of each class in each clip whose target has it, rows (class, clip)."""
    columns = {}
    for system in systems:
        parts = []
        for result in system.results:
            rows = class_rows(result.table[result.table.padded == 0])
            found = rows.groupby(['classes', 'clip']).agg({'IoU': 'mean', 'target': 'sum'})
            parts.append(found[found.target > 0].IoU)
        columns[system.name] = sum(parts) / len(parts)
    table = pd.DataFrame(columns)
    names = class_names(systems[0].results[0])
    table.index = table.index.set_levels([names[k] for k in table.index.levels[0]], level=0)
    return table


def _rows(by: str, scores: pd.DataFrame, labels: pd.Series | None) -> list[dict]:
    labels = scores.index.get_level_values(0) if labels is None else labels[scores.index]
    rows = []
    for group, part in scores.groupby(np.asarray(labels), sort=not hasattr(labels, 'cat')):
        if group == '':
            continue
        values = part.to_numpy()
        best = values >= values.max(1, keepdims=True) - _TIE
        alone = best & (best.sum(1, keepdims=True) == 1)
        row = {'by': by, 'group': group, 'clips': len(part)}
        row |= {f'J {name}': value for name, value in part.mean().items()}
        row |= {f'wins {n}': int(c) for n, c in zip(scores.columns, alone.sum(0), strict=True)}
        rows.append(row | {'ties': int((best.sum(1) > 1).sum())})
    if hasattr(labels, 'cat'):
        order = list(labels.cat.categories)
        rows.sort(key=lambda row: order.index(row['group']))
    return rows
