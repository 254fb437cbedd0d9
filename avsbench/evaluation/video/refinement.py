"""Refinement of saved probability maps by the dense CRF, and its scores on DAVIS.

As MED-VT (arXiv 2304.05930) does it after its inference: from the 8-bit maps on disk. A frame takes
seconds, so that frames are shared among processes; each holds one frame at a time.
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from avsbench.datasets.clip_info import VideoClipInfo
from avsbench.evaluation.video.crf import refine_mask
from avsbench.evaluation.video.davis_metric import DAVISMetric, FrameScore, frame_score
from avsbench.evaluation.video.video_metric import Frames
from avsbench.media.images import read_frame, read_index_label, write_mask
from avsbench.utils.errors import DataError, examples
from avsbench.utils.parallel import map_in_processes, show_progress

LEVELS = 'logits/{video}/{frame}.png'  # probabilities, in spite of the published name
REFINED = 'crf_mask/{video}/{frame}.png'
FOREGROUND = 255  # of the annotation: other values than this are background, as published


class RefinementTask(NamedTuple):
    """One frame to refine.

    Attributes:
        video: Name of its video.
        place: Position in the video.
        image: The frame.
        levels: 255 times the probability of the foreground, an image of 8 bits.
        annotation: Of the frame; None: it is not scored.
        refined: File for the mask.
    """

    video: str
    place: int
    image: str
    levels: Path
    annotation: str | None
    refined: Path


class RefinedFrame(NamedTuple):
    """Score of a refined frame; None without annotation."""

    video: str
    place: int
    score: FrameScore | None


def refinement_tasks(infos: Iterable[VideoClipInfo], folder: str | Path) -> list[RefinementTask]:
    """The frames of a data set whose probability maps are in a folder.

    Args:
        infos: `data_info` of all windows.
        folder: Of the results; masks will go there, too.

    Raises:
        DataError: A map is missing.
    """
    tasks = []
    for info in infos:
        kept = range(len(info['frame_paths'])) if info['kept'] is None else info['kept']
        for index in kept:
            image = info['frame_paths'][index]
            fields = {'video': info['video'], 'frame': Path(image).stem}
            paths = (Path(folder, name.format(**fields)) for name in (LEVELS, REFINED))
            tasks.append(
                RefinementTask(
                    info['video'], info['frame_idx'][index], image, next(paths),
                    info['mask_paths'][index], next(paths),
                )
            )  # fmt: skip
    missing = [str(task.levels) for task in tasks if not task.levels.is_file()]
    if missing:
        raise DataError(
            f'{folder}: {len(missing)} of {len(tasks)} probability maps are missing '
            f'({examples(missing)}); write them with `bash test.sh ... '
            f'--save-masks {shlex.quote(str(folder))}`'
        )
    return tasks


def refine(tasks: Sequence[RefinementTask], workers: int) -> Iterator[RefinedFrame]:
    """Refine frames in some processes, and write their masks; scores come in the tasks' order."""
    found = map_in_processes(refine_frame, tasks, workers)
    yield from show_progress(found, len(tasks), 'CRF')


def refine_frame(task: RefinementTask) -> RefinedFrame:
    """Refine one frame, write its mask and score it.

    Raises:
        DataError: Frame, map and annotation differ in size.
    """
    image, levels = read_frame(task.image), read_index_label(task.levels, 256)
    _check_size(task.levels, levels.shape, task.image, image.shape[:2])
    mask = refine_mask(image, levels)
    write_mask(task.refined, mask.view('uint8'), None)
    score = None
    if task.annotation is not None:
        target = read_index_label(task.annotation, 256) == FOREGROUND
        _check_size(task.annotation, target.shape, task.image, image.shape[:2])
        score = frame_score(mask, target)
    return RefinedFrame(task.video, task.place, score)


def davis_numbers(frames: Iterable[RefinedFrame]) -> dict[str, float | int]:
    """The numbers of `DAVISMetric` for refined frames, which may repeat.

    Raises:
        DataError: None is annotated.
    """
    videos: dict[str, Frames] = {}
    for frame in sorted(frames, key=lambda frame: frame[:2]):
        if frame.score is not None:
            videos.setdefault(frame.video, {})[frame.place] = frame.score
    if not videos:
        raise DataError('none of the refined frames is annotated, so that there is no score')
    return DAVISMetric().summarise(videos) | {'frames': sum(map(len, videos.values()))}


def _check_size(path: str | Path, size: tuple, other: str, expected: tuple) -> None:
    if size != expected:
        raise DataError(f'{path}: has size {size} (H, W), but {other} has {expected}')
