"""Reads the csv that lists A2D's videos; it has no header."""

import csv
from typing import NamedTuple

from avsbench.utils.errors import DataError
from avsbench.utils.text import read_text

COLUMNS = (
    *('id', 'label', 'start', 'end', 'height', 'width'),
    *('frames', 'annotated frames', 'usage'),
)
_USAGES = ('0', '1')  # to train on, to test on


class A2DVideo(NamedTuple):
    """A row of the csv.

    Attributes:
        name: The video's id.
        num_frames: Frames of the video.
        num_annotated: Annotated ones among them.
        test: Whether it is one to test on.
        csv_row: Line in the file, from 1.
    """

    name: str
    num_frames: int
    num_annotated: int
    test: bool
    csv_row: int


def read_videoset(path: str) -> list[A2DVideo]:
    """All videos of `videoset.csv`, in its order.

    Args:
        path: The csv.

    Raises:
        DataError: The file is missing or no csv, or a row has too few or too many columns, or one
            that can't be read.
    """
    try:
        lines = read_text(path).split('\n')
        rows = [(number, row) for number, row in enumerate(csv.reader(lines), 1) if row]
    except FileNotFoundError:
        raise DataError(
            f'{path}: no such file. Unpack A2D_main_1_0 again, or correct data_root'
        ) from None
    except csv.Error as error:
        raise DataError(f'{path}: not a readable csv ({error})') from error
    videos = [_video(number, [cell.strip() for cell in row], path) for number, row in rows]
    if not videos:
        raise DataError(f'{path}: it has no rows. Unpack A2D_main_1_0 again')
    return videos


def _video(number: int, row: list[str], path: str) -> A2DVideo:
    if len(row) != len(COLUMNS):
        raise DataError(
            f'{path}: row {number} has {len(row)} columns, expected {len(COLUMNS)}: '
            f'{", ".join(COLUMNS)}. Restore the file from the download'
        )
    name, usage = row[0], row[-1]
    frames, annotated = (int(cell) if cell.isdecimal() else 0 for cell in row[6:8])
    if not (name and '/' not in name and frames and annotated and usage in _USAGES):
        raise DataError(
            f'{path}: row {number}: {",".join(row)}; expected an id without slash, numbers of '
            'frames above 0 in columns 7 and 8, and 0 (train) or 1 (test) in the last. Restore the '
            'file from the download'
        )
    return A2DVideo(name, frames, annotated, usage == '1', number)
