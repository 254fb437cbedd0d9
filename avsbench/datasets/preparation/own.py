"""Names and clips of own videos: a folder of videos, a folder of masks, and no index.

    videos/<name>.mp4            <name> may have folders in it
    masks/<name>/<k>.png         the mask of second k of that video, k from 1
    prepared/frames/<name>/<k>.jpg, prepared/audio/<name>/<start>_<T>.wav      made by the toolbox

The frame of second k is the one on screen after 15/16 of it. Clips are the stretches of T seconds
of a video that have a mask.
"""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsbench.datasets.preparation.clip import ClipTask
from avsbench.datasets.preparation.layouts import find_videos
from avsbench.utils.errors import DataError, examples, nearest

RULE = 'time'  # own videos may have a variable frame rate


@dataclass(frozen=True)
class OwnTree:
    """The folders of own data.

    Attributes:
        videos: folder of the videos.
        masks: folder of the masks.
        prepared: folder of frames and sound that the toolbox makes.
    """

    videos: Path
    masks: Path
    prepared: Path

    def names(self) -> dict[str, Path]:
        """{name: video}, in the order of the names.

        Raises:
            DataError: no videos, or two of one name.
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

    def annotated(self, name: str) -> list[int]:
        """Seconds of a video that have a mask, counted from 1, in their order.

        Raises:
            DataError: a file in the folder of its masks is named in another way.
        """
        folder = self.masks / name
        files = [path for path in folder.glob('*') if path.is_file()]
        astray = [path.name for path in files if not _is_mask_name(path)]
        if astray:
            raise DataError(
                f'{folder}: masks are named <second>.png, counted from 1 and without zeros in '
                f'front; found also {examples(sorted(astray))}; rename them, or move them elsewhere'
            )
        return sorted(int(path.stem) for path in files)

    def clip_task(self, name: str, video: Path, start: int, seconds: int) -> ClipTask:
        """Frames and sound of a clip; those of a video that is newer are made anew."""
        numbers = range(start + 1, start + seconds + 1)
        frames = tuple(self.frame_path(name, number) for number in numbers)
        wav = str(self.prepared / 'audio' / name / f'{start}_{seconds}.wav')
        newest = os.stat(video).st_mtime
        old = any(os.path.isfile(p) and os.stat(p).st_mtime < newest for p in (*frames, wav))
        return ClipTask(
            str(video), frames, wav, start=start, rule=RULE, silence=True, overwrite=old
        )

    def frames_task(self, name: str, video: Path) -> ClipTask:
        """The frames of all seconds of a video, to be annotated.

        Raises:
            DataError: the video can't be read.
        """
        from avsbench.video import VideoFile  # PyAV is an extra

        # A second counts if it has the frame that stands for it.
        duration = VideoFile(video).duration or 1.0
        count = max(1, math.floor(duration + 1 / 16))
        frames = tuple(self.frame_path(name, number) for number in range(1, count + 1))
        return ClipTask(str(video), frames, rule=RULE)


def clip_starts(annotated: Sequence[int], seconds: int) -> list[int]:
    """Where the clips of a video begin: stretches of `seconds` with a mask in them."""
    return sorted({(second - 1) // seconds * seconds for second in annotated})


def names_by_fractions(
    names: Sequence[str], split: str, fractions: Mapping[str, float]
) -> list[str]:
    """The videos of a split, whole videos each, in an order drawn from their names.

    The same names give the same splits on every machine. Each split with a share gets one video at
    least; what rounding leaves over goes to the largest.

    Args:
        names: of all videos.
        split: key of `fractions`.
        fractions: share of each split; they sum to 1.

    Raises:
        DataError: no such split, the shares do not sum to 1, or the split gets no video.
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
    """The videos that a list file names, one a line, without suffix; `#` begins a comment.

    Raises:
        DataError: no such file, an unknown video, one named twice, or none at all.
    """
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeError) as error:
        raise DataError(
            f'{path}: not readable as a list of videos ({error}); write one name a line, as '
            'folder/name without .mp4'
        ) from error
    known = set(names)
    chosen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = line.split('#', 1)[0].strip()
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


def _is_mask_name(path: Path) -> bool:
    stem = path.stem
    return path.suffix == '.png' and stem.isascii() and stem.isdecimal() and stem[0] != '0'
