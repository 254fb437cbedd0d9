"""One result in parts: by class, area of the object, number of sources; and what is confused."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from avsbench.analysis.comparison import Result, class_names
from avsbench.analysis.comparison.groups import area_groups, source_groups
from avsbench.analysis.comparison.statistics import class_rows


def breakdown(result: Result) -> dict[str, pd.DataFrame]:
    """Tables of a result, of the frames that exist.

    Of binary masks, each part is a group of frames, by the folder of their clips (in S4 the
    category; no such table without one), by the area of the target, and by the number of its
    regions. Of classes, `classes` has one row for each, `areas` groups objects (a class but
    background in the target of a frame) by their area, and `sources` groups frames by the number of
    classes in the target.

    Returns:
        {'classes', 'areas', 'sources': table}. J and F are means of what is grouped, of frames
        those in `scores.csv`; IoU_set, precision and recall are of the group's pixels.
    """
    table = result.table[result.table.padded == 0]
    if result.semantic:
        rows = _with_share(class_rows(table), table)
        objects = rows[(rows.classes > 0) & (rows.target > 0)]
        # the set of frames has no area of its own, so that it is scored by means alone
        frames = table[['IoU', 'F']].assign(group=source_groups(table.sources))
        return {
            'classes': _of_classes(rows, class_names(result)),
            'areas': _grouped(objects.assign(group=area_groups(objects.share)), 'objects'),
            'sources': _grouped(frames, 'frames'),
        }
    frames = table.assign(
        union=table.target + table.predicted - table.intersection,
        share=table.target / (table.height * table.width),
    )
    tables = {
        'areas': _grouped(frames.assign(group=area_groups(frames.share)), 'frames'),
        'sources': _grouped(frames.assign(group=source_groups(frames.sources)), 'frames'),
    }
    if (frames.classes != '').any():
        tables['classes'] = _grouped(frames.assign(group=frames.classes), 'frames')
    return tables


def confused_pairs(confusion: pd.DataFrame) -> pd.DataFrame:
    """Which classes are taken for which, the most pixels first.

    Args:
        confusion: From `read_confusion`.

    Returns:
        labelled, predicted, pixels, and their share of the labelled class.
    """
    values = confusion.to_numpy(copy=True)
    total = values.sum(1)
    np.fill_diagonal(values, 0)
    rows, columns = values.nonzero()
    pixels = values[rows, columns]
    names = np.asarray(confusion.columns)
    found = pd.DataFrame(
        {
            'labelled': names[rows],
            'predicted': names[columns],
            'pixels': pixels,
            'share': pixels / total[rows],
        }
    )
    return found.sort_values('pixels', ascending=False, kind='stable', ignore_index=True)


def _with_share(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of classes with the share of their frame that the target has."""
    pixels = table.height * table.width
    counts = table.classes.str.split().str.len()
    return rows.assign(share=rows.target / np.repeat(pixels.to_numpy(), counts.to_numpy()))


def _of_classes(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One row for each class: scores as published, per frame and then their mean, and of pixels."""
    there = rows.groupby('classes')
    found = pd.DataFrame({'class': range(len(names)), 'name': names}).set_index('class')
    found['frames_labelled'] = rows[rows.target > 0].groupby('classes').size()
    found['frames_predicted'] = rows[rows.predicted > 0].groupby('classes').size()
    counts = ['frames_labelled', 'frames_predicted']
    found[counts] = found[counts].fillna(0).astype(int)
    found['J'], found['F'] = there.IoU.mean(), there.F.mean()
    areas = there[['intersection', 'union', 'predicted', 'target']].sum()
    return found.assign(**_pixel_scores(areas)).reset_index()


def _grouped(rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """One row for each group that occurs."""
    groups = rows.groupby('group', observed=True)
    found = pd.DataFrame({what: groups.size(), 'J': groups.IoU.mean(), 'F': groups.F.mean()})
    areas = ['intersection', 'union', 'predicted', 'target']
    if set(areas) <= set(rows.columns):
        found = found.assign(**_pixel_scores(groups[areas].sum()))
    return found.reset_index()


def _pixel_scores(areas: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """Scores of summed areas, NaN where there is nothing to divide by."""
    hits = areas['intersection']

    def over(total: pd.Series) -> pd.Series:
        return hits / total.where(total > 0)

    return {
        'IoU_set': over(areas['union']),
        'precision': over(areas['predicted']),
        'recall': over(areas['target']),
    }
