"""Reads the boxes and motions of MoCA's filtered set (Motion Grouping, arXiv 2104.07658)."""

import ast
import json
import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from avsbench.datasets.csv_index import read_csv
from avsbench.utils.errors import DataError

COLUMNS = ('file_list', 'spatial_coordinates', 'metadata')
_RECTANGLE = 2  # code of a shape
_MOTION_KEY = '1'
_MOTIONS = 3  # locomotion, deformation, static, numbered from 0


class MoCAAnnotation(NamedTuple):
    """Annotation of a frame.

    Attributes:
        box: Left, top, width, height in pixels of the frame; left and top may be negative.
        motion: 0 locomotion, 1 deformation, 2 static.
    """

    box: tuple[float, float, float, float]
    motion: int


def read_moca_annotations(path: str) -> dict[str, dict[str, MoCAAnnotation]]:
    """Annotations of each video's frames, by the name of the frame without suffix.

    Rows are taken in the order of their file names. A row without box is left out; one without
    motion has that of the row before it, as in the published reader.

    Args:
        path: `annotations.csv`.

    Raises:
        DataError: The file is missing or no csv, or a row can't be read.
    """
    videos: dict[str, dict[str, MoCAAnnotation]] = {}
    motion = None
    for row in read_csv(path, COLUMNS).sort_values('file_list', kind='stable').itertuples():
        where = f'{path}: row {row.csv_row}'
        box = _box(row, where)
        if box is None:
            continue
        motion = _motion(row, motion, where)
        file = PurePosixPath(row.file_list)
        frames = videos.setdefault(file.parent.name, {})
        if not file.parent.name or file.stem in frames:
            raise DataError(
                f'{where}: file_list {row.file_list!r}, expected /<video>/<frame>.jpg, each once'
            )
        frames[file.stem] = MoCAAnnotation(box, motion)
    return videos


def _box(row: Any, where: str) -> tuple[float, float, float, float] | None:
    """The box of a row of the csv; None if the list is empty."""
    text = row.spatial_coordinates
    try:
        values = json.loads(text)
        if values == []:
            return None
        shape, *box = (float(value) for value in values)
    except (ValueError, TypeError, OverflowError, RecursionError):
        shape, box = None, []
    usable = len(box) == 4 and all(map(math.isfinite, box)) and min(box[2:]) > 0
    if shape != _RECTANGLE or not usable:
        raise DataError(
            f'{where}: spatial_coordinates {text!r}, expected [] or [{_RECTANGLE},x,y,width,height]'
        )
    return tuple(box)


def _motion(row: Any, previous: int | None, where: str) -> int:
    text = row.metadata
    try:
        metadata = ast.literal_eval(text)
        if metadata == {} and previous is not None:
            return previous
        motion = int(metadata[_MOTION_KEY]) if isinstance(metadata, Mapping) else -1
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        # the last two are Python's for what is nested too deeply
        motion = -1
    if not 0 <= motion < _MOTIONS:
        raise DataError(
            f"{where}: metadata {text!r}, expected {{'{_MOTION_KEY}': '0'}} with 0, 1 or 2 for the "
            f'motion, or {{}} in a row that follows one with a motion'
        )
    return motion
