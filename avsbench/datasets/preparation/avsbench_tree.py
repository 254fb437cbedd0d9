"""Which videos become which clips of a tree in AVSBench's layout, and the csv of that tree."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from avsbench.datasets.csv_index import check_labels, check_names, read_csv
from avsbench.datasets.preparation.clip import ClipTask
from avsbench.layouts import Layout
from avsbench.utils.errors import DataError, examples
from avsbench.utils.folders import visible

VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi')
SPLITS = ('train', 'val', 'test')


def find_videos(folder: Path) -> list[Path]:
    """Video files below a folder, by their suffix, in the order of their names.

    Raises:
        DataError: There are none.
    """
    if not os.path.isdir(folder):
        raise DataError(f'{folder}: no such folder of videos')
    below = visible(folder.rglob('*'), folder)
    found = [p for p in below if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    if not found:
        raise DataError(f'{folder}: no videos in it ({", ".join(VIDEO_SUFFIXES)})')
    return sorted(found)


def rows_of_folders(layout: Layout, folder: Path, frames: int) -> Iterator[tuple[dict, Path]]:
    """Rows of a csv for videos that lie in folders by split (and category).

    Args:
        layout: Of the tree.
        folder: Holds `<split>/<category>/<name>.mp4` for S4, `<split>/<name>.mp4` for the others.
        frames: T.

    Yields:
        Row and video.

    Raises:
        DataError: A video lies elsewhere, or two have one name.
    """
    levels = _levels(layout)
    pattern = '/'.join(f'<{level}>' for level in (*levels, 'name'))
    videos = find_videos(folder)
    places = [video.relative_to(folder).parts for video in videos]
    astray = [
        '/'.join(place)
        for place in places
        if len(place) != len(levels) + 1 or place[0] not in SPLITS
    ]
    if astray:
        raise DataError(
            f'{folder}: expected videos as {pattern}.mp4 with the splits {", ".join(SPLITS)}, '
            f'found also {examples(astray)}; move them, or name a csv with --csv'
        )
    label = layout.label_of(frames) if 'label' in layout.columns else ''
    known: dict[tuple, Path] = {}
    for video, place in zip(videos, places, strict=True):
        other = known.setdefault((*place[:-1], video.stem), video)
        if other is not video:
            raise DataError(f'{other} and {video} have one name; rename one of them')
        cells = dict(zip(levels, place, strict=False))
        yield layout.row(name=video.stem, label=label, **cells), video


def rows_of_csv(
    layout: Layout, csv: Path, folder: Path
) -> tuple[list[tuple[dict, Path]], list[str]]:
    """Rows of a published csv with their videos, which may lie in any folder.

    Args:
        layout: Of the tree.
        csv: With the columns of the layout that matter here.
        folder: The videos lie below it under the names of the csv.

    Returns:
        Rows with a video, and one sentence for each row that has none.

    Raises:
        DataError: The csv is malformed.
    """
    names = (*layout.name_columns, 'split')
    columns = (*names, 'start') if 'start' in layout.columns else names
    table = read_csv(csv, columns)
    for _, part in table.groupby('split'):
        check_names(part, names, csv)
    check_labels(table, layout, csv)
    by_name: dict[str, list[Path]] = {}
    for video in find_videos(folder):
        by_name.setdefault(video.stem, []).append(video)
    found, missing = [], []
    for row in table.to_dict('records'):
        name = row[layout.name_columns[-1]]
        videos = by_name.get(name, [])
        levels = {row[level] for level in _levels(layout)}
        videos = [v for v in videos if set(v.parts) >= levels] or videos
        if len(videos) == 1:
            found.append((row, videos[0]))
        else:
            what = f'{len(videos)} of that name ({examples(videos)})' if videos else 'no video'
            missing.append(f'{csv}, row {row["csv_row"]}: {what} for {name!r}')
    return found, missing


def clip_task(
    layout: Layout, row: dict, video: Path, out: Path, *, frames: int, log_mel: bool
) -> ClipTask:
    """The files of a clip, under the published names; all else as in `ClipTask`.

    Args:
        layout: Of the tree.
        row: Of the csv.
        video: Its file.
        out: The folder of the csv.
        frames: T.
        log_mel: Whether log-mel is stored.
    """
    files = layout.clip_files(row, frames)
    return ClipTask(
        str(video),
        tuple(str(out / path) for path in files.frames),
        wav_path=str(out / files.wav),
        log_mel_path=str(out / f'{files.log_mel}.npy') if log_mel else None,
        short_audio=layout.short_audio,
    )


def start_of(row: dict, video: Path) -> int:
    """Second of the untrimmed video at which the clip of a csv row begins.

    Raises:
        DataError: `start` is no whole number.
    """
    if not row['start'].isascii() or not row['start'].isdecimal():
        raise DataError(f'{video}: start={row["start"]!r} in the csv, expected whole seconds')
    return int(row['start'])


def csv_text(layout: Layout, rows: Sequence[dict], present: Path) -> str:
    """Text of a csv: the rows that it has already, as they are, and those that are new."""
    table = pd.DataFrame(rows, columns=list(layout.columns), dtype=str)
    if present.is_file():
        identity = [*_levels(layout), layout.name_columns[-1]]
        read_csv(present, identity)  # an error if it is none
        old = pd.read_csv(present, dtype=str, keep_default_na=False)
        known = set(old[identity].itertuples(index=False, name=None))
        new = [tuple(row[c] for c in identity) not in known for row in rows]
        table = pd.concat([old, table[new]]).fillna('')
    return table.to_csv(index=False)


def _levels(layout: Layout) -> tuple[str, ...]:
    """Folders above a video, where they tell what a csv would: its columns split and category."""
    return tuple(level for level in ('split', 'category') if level in layout.columns)
