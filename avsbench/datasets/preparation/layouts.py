"""Which videos become which clips of a tree in AVSBench's layout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from avsbench.datasets.csv_index import check_names, read_csv
from avsbench.datasets.preparation.clip import ClipTask
from avsbench.utils.errors import DataError, examples

VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi')
SPLITS = ('train', 'val', 'test')
SOURCE_SECONDS = 10  # of the videos that `start` of the csv of S4 counts in


@dataclass(frozen=True)
class Layout:
    """The names of a subset.

    Attributes:
        csv: name of the index.
        columns: of the index, as the published one has them, as far as they are known.
        key: column with the name of the video.
        folders: levels above the video without an index: its columns.
        seconds: T by default.
        size: (H, W) of the frames by default; None to keep theirs.
        short: how missing log-mel patches are filled up.
    """

    csv: str
    columns: tuple[str, ...]
    key: str
    folders: tuple[str, ...]
    seconds: int
    size: tuple[int, int] | None
    short: str


LAYOUTS = {
    's4': Layout(
        's4_meta_data.csv',
        ('name', 'start', 'category', 'split'),
        'name',
        ('split', 'category'),
        5,
        (224, 224),
        'repeat',
    ),
    'ms3': Layout(
        'ms3_meta_data.csv', ('video_id', 'split'), 'video_id', ('split',), 5, (224, 224), 'repeat'
    ),
    'avss': Layout(
        'metadata.csv',
        ('vid', 'uid', 'a_obj', 'split', 'label'),
        'uid',
        ('split',),
        10,
        None,
        'zero',
    ),
}


def find_videos(folder: Path) -> list[Path]:
    """Video files below a folder, by their suffix, in the order of their names.

    Raises:
        DataError: there are none.
    """
    if not folder.is_dir():
        raise DataError(f'{folder}: no such folder of videos')
    found = [p for p in folder.rglob('*') if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    if not found:
        raise DataError(f'{folder}: no videos in it ({", ".join(VIDEO_SUFFIXES)})')
    return sorted(found)


def rows_of_folders(subset: str, folder: Path, seconds: int) -> Iterator[tuple[dict, Path]]:
    """Rows of an index for videos that lie in folders by split (and category).

    Args:
        subset: key of `LAYOUTS`.
        folder: holds `<split>/<category>/<name>.mp4` for S4, `<split>/<name>.mp4` for the others.
        seconds: T.

    Yields:
        Row and video.

    Raises:
        DataError: a video lies elsewhere, or two have one name.
    """
    layout = LAYOUTS[subset]
    pattern = '/'.join(f'<{level}>' for level in (*layout.folders, 'name'))
    videos = find_videos(folder)
    places = [video.relative_to(folder).parts for video in videos]
    astray = [
        '/'.join(place)
        for place in places
        if len(place) != len(layout.folders) + 1 or place[0] not in SPLITS
    ]
    if astray:
        raise DataError(
            f'{folder}: expected videos as {pattern}.mp4 with the splits {", ".join(SPLITS)}, '
            f'found also {examples(astray)}; move them, or name a csv with --csv'
        )
    seen: dict[tuple, Path] = {}
    for video, place in zip(videos, places, strict=True):
        other = seen.setdefault((*place[:-1], video.stem), video)
        if other is not video:
            raise DataError(f'{other} and {video} have one name; rename one of them')
        row = dict.fromkeys(layout.columns, '') | dict(zip(layout.folders, place, strict=False))
        row[layout.key] = video.stem
        if subset == 's4':
            row['start'] = '0'
        elif subset == 'avss':
            row |= {'vid': video.stem, 'label': 'v2' if seconds == 10 else 'v1m'}
        yield row, video


def rows_of_index(
    subset: str, csv: Path, folder: Path
) -> tuple[list[tuple[dict, Path]], list[str]]:
    """Rows of a published index with their videos, which may lie in any folder.

    Args:
        subset: key of `LAYOUTS`.
        csv: the index.
        folder: the videos lie below it under the names of the index.

    Returns:
        Rows with a video, and one sentence for each row that has none.

    Raises:
        DataError: the index is malformed.
    """
    layout = LAYOUTS[subset]
    needed = {'s4': ('name', 'start', 'category', 'split'), 'avss': ('uid', 'split', 'label')}
    columns = needed.get(subset, ('video_id', 'split'))
    table = read_csv(csv, columns)
    for _, part in table.groupby('split'):
        check_names(part, [c for c in columns if c not in ('start', 'split')], csv)
    by_name: dict[str, list[Path]] = {}
    for video in find_videos(folder):
        by_name.setdefault(video.stem, []).append(video)
    found, missing = [], []
    for row in table.to_dict('records'):
        videos = by_name.get(row[layout.key], [])
        own = [v for v in videos if set(v.parts) >= {row[c] for c in layout.folders}]
        videos = own or videos
        if len(videos) == 1:
            found.append((row, videos[0]))
        else:
            what = f'{len(videos)} of that name ({examples(videos)})' if videos else 'no video'
            missing.append(f'{csv}, row {row["csv_row"]}: {what} for {row[layout.key]!r}')
    return found, missing


def task_of(
    subset: str,
    row: dict,
    video: Path,
    out: Path,
    *,
    seconds: int,
    size: tuple[int, int] | None,
    rule: str,
    log_mel: bool,
    trim: bool,
    overwrite: bool,
) -> ClipTask:
    """The files of a clip, under the published names.

    Args:
        subset: key of `LAYOUTS`.
        row: of the index.
        video: its file.
        out: the folder of the index.
        seconds: T.
        size: (H, W) that frames are squashed to; None to keep theirs.
        rule: see `ClipTask`.
        log_mel: with log-mel.
        trim: the clip begins at `start` of the index of S4, in a video of ten seconds.
        overwrite: see `ClipTask`.

    Raises:
        DataError: `start` is no whole second of the video.
    """
    split, name = row['split'], row[LAYOUTS[subset].key]
    if subset == 's4':
        place, data = f'{split}/{row["category"]}/{name}', out / 's4_data'
        frames = [data / f'visual_frames/{place}/{name}_{k + 1}.png' for k in range(seconds)]
        wav, mel = data / f'audio_wav/{place}.wav', data / f'audio_log_mel/{place}.npy'
    elif subset == 'ms3':
        data = out / 'ms3_data'
        frames = [data / f'visual_frames/{name}/{name}.mp4_{k + 1}.png' for k in range(seconds)]
        wav, mel = (
            data / f'audio_wav/{split}/{name}.wav',
            data / f'audio_log_mel/{split}/{name}.npy',
        )
    else:
        data = out / row['label'] / name
        frames = [data / f'frames/{k}.jpg' for k in range(seconds)]
        wav, mel = data / 'audio.wav', data / 'audio.npy'
    return ClipTask(
        str(video),
        tuple(map(str, frames)),
        str(wav),
        str(mel) if log_mel else None,
        size,
        _start(row, video) if trim else 0,
        rule,
        LAYOUTS[subset].short,
        overwrite=overwrite,
    )


def index_text(subset: str, rows: Sequence[dict], present: Path) -> str:
    """Text of an index: the rows that it has already, as they are, and those that are new."""
    layout = LAYOUTS[subset]
    table = pd.DataFrame(rows, columns=list(layout.columns), dtype=str)
    if present.is_file():
        identity = [*layout.folders, layout.key]
        read_csv(present, identity)  # an error if it is none
        old = pd.read_csv(present, dtype=str, keep_default_na=False)
        known = set(old[identity].itertuples(index=False, name=None))
        new = [tuple(row[c] for c in identity) not in known for row in rows]
        table = pd.concat([old, table[new]]).fillna('')
    return table.to_csv(index=False)


def _start(row: dict, video: Path) -> int:
    if not row['start'].isascii() or not row['start'].isdecimal():
        raise DataError(f'{video}: start={row["start"]!r} in the csv, expected whole seconds')
    return int(row['start'])
