"""The tree of custom data: a folder of videos, a folder of masks, and no csv.

    videos/<name>.mp4            <name> may have folders in it
    masks/<name>/<k>.png         the mask of second k of that video, k from 1
    prepared/frames/<name>/<k>.jpg, prepared/audio/<name>/<start>_<T>.wav      made by the toolbox
    prepared/pre_SAM_mask/<name>/<k>_mask_color.png      made by `avsbench data maskiges`

The frame of second k is the one on screen after 15/16 of it, or the last one of a video that ends
before. Clips are the intervals of T seconds of a video that have a mask.
"""

import hashlib
import math
import os
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsbench.datasets.preparation.avsbench_tree import find_videos
from avsbench.datasets.preparation.clip import ClipTask
from avsbench.utils.errors import DataError, examples, nearest
from avsbench.utils.folders import visible
from avsbench.utils.text import read_text
from avsbench.video import VideoFile

RULE = 'time'  # such videos may have a variable frame rate


@dataclass(frozen=True)
class CustomTree:
    """The folders of custom data.

    Attributes:
        videos: Folder of the videos.
        masks: Folder of the masks.
        prepared: Folder of the frames and the audio that the toolbox makes.
    """

    videos: Path
    masks: Path
    prepared: Path

    @classmethod
    def of(cls, data_root: str | Path) -> 'CustomTree':
        """The folders in `data_root`."""
        return cls(*(Path(data_root, name) for name in ('videos', 'masks', 'prepared')))

    def names(self) -> dict[str, Path]:
        """{name: video}, in the order of the names.

        Raises:
            DataError: No videos, or two of one name.
        """
        found: dict[str, Path] = {}
        for video in find_videos(self.videos):
            name = video.relative_to(self.videos).with_suffix('').as_posix()
            if name in found:
                raise DataError(f'{found[name]} and {video} have one name; rename one of them')
            found[name] = video
        return found

    def mask_path(self, name: str, second: int) -> str:
        """The mask of a second, counted from 1."""
        return str(self.masks / name / f'{second}.png')

    def frame_path(self, name: str, second: int) -> str:
        """The frame of a second, counted from 1."""
        return str(self.prepared / 'frames' / name / f'{second}.jpg')

    def maskige_path(self, name: str, second: int) -> str:
        """The Maskige of a second, counted from 1."""
        return str(self.prepared / 'pre_SAM_mask' / name / f'{second}_mask_color.png')

    def annotated(self, name: str) -> list[int]:
        """Seconds of a video that have a mask, counted from 1, in their order.

        Raises:
            DataError: A file in the folder of its masks is named in another way.
        """
        folder = self.masks / name
        files = [path for path in visible(folder.glob('*'), folder) if path.is_file()]
        astray = [path.name for path in files if not _is_mask_name(path)]
        if astray:
            raise DataError(
                f'{folder}: masks are named <second>.png, counted from 1 and without zeros in '
                f'front; found also {examples(sorted(astray))}; rename them, or move them elsewhere'
            )
        return sorted(int(path.stem) for path in files)

    def clip_task(
        self, name: str, video: Path, start: int, seconds: int, annotated: Collection[int]
    ) -> ClipTask:
        """Frames and audio of a clip; those of a video that is newer are made again.

        Args:
            name: Of the video.
            video: The file.
            start: Second at which the clip begins, from 0.
            seconds: T.
            annotated: Seconds of the video that have a mask, from 1.
        """
        numbers = range(start + 1, start + seconds + 1)
        frames = tuple(self.frame_path(name, number) for number in numbers)
        wav = str(self.prepared / 'audio' / name / f'{start}_{seconds}.wav')
        newest = os.stat(video).st_mtime
        old = any(os.path.isfile(p) and os.stat(p).st_mtime < newest for p in (*frames, wav))
        return ClipTask(
            str(video),
            frames,
            wav,
            start=start,
            rule=RULE,
            silence=True,
            overwrite=old,
            annotated=max((number - start for number in numbers if number in annotated), default=0),
        )

    def frames_task(self, name: str, video: Path) -> ClipTask:
        """The frames of all seconds of a video, to be annotated.

        Raises:
            DataError: The video can't be read.
        """
        # A second counts if it has a frame, as `avsbench video` counts those that it masks.
        opened = VideoFile(video)
        last = (opened.duration or 1.0) - float(1 / opened.rate)
        count = max(1, math.floor(last + 1e-6) + 1)
        frames = tuple(self.frame_path(name, number) for number in range(1, count + 1))
        return ClipTask(str(video), frames, rule=RULE)


def clip_starts(annotated: Sequence[int], seconds: int) -> list[int]:
    """Where the clips of a video begin: intervals of `seconds` with a mask in them."""
    return sorted({(second - 1) // seconds * seconds for second in annotated})


def names_by_fractions(
    names: Sequence[str], split: str, fractions: Mapping[str, float]
) -> list[str]:
    """The videos of a split, whole videos each, in an order drawn from their names.

    The same names give the same splits on every machine. Each split with a share gets one video at
    least; what rounding leaves over goes to the largest.

    Args:
        names: Of all videos.
        split: Key of `fractions`.
        fractions: Share of each split; they sum to 1.

    Raises:
        DataError: No such split, the shares do not sum to 1, or the split gets no video.
    """
    if split not in fractions:
        raise DataError(
            f'split {split!r} has no share in {dict(fractions)}{nearest(split, fractions)}'
        )
    if any(share < 0 for share in fractions.values()) or abs(sum(fractions.values()) - 1) > 1e-6:
        raise DataError(f'fractions {dict(fractions)}: expected shares from 0 to 1 that sum to 1')
    shares = {key: share for key, share in fractions.items() if share > 0}
    if split not in shares or len(names) < len(shares):
        raise DataError(
            f'split {split!r} gets none of {len(names)} videos with fractions {dict(fractions)}; '
            'add videos, or name those of each split in list files (split_list)'
        )
    counts = {key: max(1, round(share * len(names))) for key, share in shares.items()}
    counts[max(counts, key=counts.get)] += len(names) - sum(counts.values())
    drawn = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    order = list(counts)
    first = sum(counts[key] for key in order[: order.index(split)])
    return sorted(drawn[first : first + counts[split]])


def names_by_list(names: Sequence[str], path: Path) -> list[str]:
    """The videos that a list file names, one per line, without suffix.

    `#` begins a comment, unless what follows still belongs to the name of a video.

    Raises:
        DataError: No such file, an unknown video, one named twice, or none at all.
    """
    try:
        lines = read_text(path).split('\n')
    except FileNotFoundError as error:
        raise DataError(
            f'{path}: no such list of videos; write one name per line, as folder/name without .mp4'
        ) from error
    known = set(names)
    chosen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = _listed_name(line, known)
        if not name:
            continue
        if name not in known:
            raise DataError(f'{path}, line {number}: no video {name!r}{nearest(name, names)}')
        if name in chosen:
            raise DataError(f'{path}, lines {chosen[name]} and {number}: {name!r} named twice')
        chosen[name] = number
    if not chosen:
        raise DataError(f'{path}: names no video')
    return list(chosen)


def _listed_name(line: str, known: Container[str]) -> str:
    """The longest known name that a line begins with, else what precedes its comment."""
    ends = [len(line), *(place for place in range(len(line), -1, -1) if line[place:][:1] == '#')]
    names = [line[:end].strip() for end in ends]
    return next((name for name in names if name in known), names[-1])


def _is_mask_name(path: Path) -> bool:
    stem = path.stem
    return path.suffix == '.png' and stem.isascii() and stem.isdecimal() and stem[0] != '0'
