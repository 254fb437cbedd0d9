"""Csv files of results as the published code writes them."""

import csv
import io
from collections.abc import Iterable, Mapping

import numpy as np

from avsbench.evaluation.video.moca import MOTIONS, SUCCESS_THRESHOLDS, MotionScore

# Columns of MoCA's file and what they hold.
_MOTION_COLUMNS = {**{name: name.capitalize() for name in MOTIONS}, 'all': 'All_motion'}


def mean_of(values: Mapping[str, float]) -> float:
    """Mean of some named numbers."""
    return float(np.mean(list(values.values())))


def davis(videos: Mapping[str, float]) -> str:
    """`davis_results.csv`: mean IoU of each video, and their mean as `Video Mean`."""
    return _named_numbers({**videos, 'Video Mean': mean_of(videos)})


def youtube_objects(classes: Mapping[str, float], overall: float) -> str:
    """`youtube_objects_results.csv`: mean IoU of each class, and their mean as `Overall`."""
    return _named_numbers({**classes, 'Overall': overall})


def moca(videos: Mapping[str, Mapping[str, MotionScore]]) -> str:
    """`MoCA_results.csv`: a row of 28 columns for each video.

    For each motion and for all of them the mean IoU and how many frames are above each threshold,
    then the number of frames of each motion.

    Args:
        videos: Scores of each video, by motion, with those of all frames as 'all'.
    """
    header = ['Seq_name']
    for name in _MOTION_COLUMNS.values():
        header += [f'{name}_IoU', *(f'{name}_S_{limit}' for limit in SUCCESS_THRESHOLDS)]
    rows = [header + [f'{motion}_num' for motion in MOTIONS]]
    for video, scores in videos.items():
        row: list[str | float | int] = [video]
        for motion in _MOTION_COLUMNS:
            row += [scores[motion].iou, *scores[motion].successes]
        rows.append(row + [scores[motion].frames for motion in MOTIONS])
    return _text(rows)


def _named_numbers(values: Mapping[str, float]) -> str:
    return _text([values.keys(), [f'{value:0.3f}' for value in values.values()]])


def _text(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator='\n').writerows(rows)
    return out.getvalue()
