"""Makes the Maskiges of a data set: what is to be done, then the doing, in parallel."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.transforms import ClipResize, ClipShortSideCrop
from avsbench.maskiges.format import is_good, rank_map, save_maskige
from avsbench.maskiges.segments import SUFFIXES, SUPERPIXELS, read_segments, superpixels
from avsbench.media.faults import BrokenFileError
from avsbench.media.images import probe_image, read_frame
from avsbench.utils.errors import DataError, examples
from avsbench.utils.parallel import map_in_processes

CUT_SIZE = 224  # pixels; Maskiges of AVSS belong to frames that are cut to this, as published
HOW_TO_MAKE_MASKS = (
    f'expected each with {", ".join(SUFFIXES)} or _mask{SUFFIXES[0]} ... at its end. Make them '
    'with the mask generator of Semantic-SAM, SAM or SAM 2, one file per frame, or take --source '
    'superpixels, which needs none'
)
CUTS = {
    'whole': None,
    'crop': ClipShortSideCrop(CUT_SIZE),
    'squash': ClipResize((CUT_SIZE, CUT_SIZE)),
}


@dataclass(frozen=True)
class Task:
    """One Maskige.

    Attributes:
        frame: The frame.
        target: The file to make.
        cut: Key of `CUTS`: what is done to the frame before it enters the network.
        masks: File with segments of the frame; None for superpixels.
    """

    frame: str
    target: str
    cut: str
    masks: str | None = None


@dataclass
class Report:
    """What was done.

    Attributes:
        made: Maskiges that were made.
        kept: Maskiges that were there already.
        crowded: Frames that have more segments than the palette has colours.
        left_out: Segments that were left out of those.
    """

    made: int = 0
    kept: int = 0
    crowded: int = 0
    left_out: int = 0


@dataclass
class _Survey:
    todo: list[Task] = field(default_factory=list)
    kept: int = 0
    foreign: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def plan(datasets: Iterable[BaseAVSDataset], masks_root: str | Path | None) -> list[Task]:
    """The Maskiges of some data sets.

    Args:
        datasets: Splits of one subset, with one `data_root`.
        masks_root: Folder with files of segments; None for superpixels.

    Raises:
        DataError: `masks_root` is no folder, or holds no file for any, or for some of the frames.
    """
    tasks, roots = [], set()
    for dataset in datasets:
        cut = 'whole'
        if dataset.maskige_size is not None:
            cut = 'crop' if dataset.split == 'train' else 'squash'
        for info in dataset.clip_infos():
            pairs = zip(info['frame_paths'], info['maskige_paths'], strict=True)
            tasks += [Task(frame, target, cut) for frame, target in pairs]
        roots.add(dataset.data_root)
    if masks_root is None:
        return tasks
    (data_root,) = roots
    found = _find_masks([task.frame for task in tasks], data_root, Path(masks_root))
    return [replace(task, masks=masks) for task, masks in zip(tasks, found, strict=True)]


def prepare(
    tasks: Sequence[Task],
    *,
    source: str = SUPERPIXELS,
    resize: bool = False,
    overwrite: bool = False,
    workers: int = 0,
    progress: Callable[[Iterator, int], Iterable] | None = None,
) -> Report:
    """Make the Maskiges that are not there yet.

    Args:
        tasks: From `plan`.
        source: Text that says where the segments are from; a file made from another source is
            neither kept nor replaced without being asked.
        resize: Whether masks of another size than their frame are resized to it (nearest).
        overwrite: Make all of them again.
        workers: Processes; 0 and 1 work in this one.
        progress: Called with what the work yields and its length; yields the same.

    Raises:
        DataError: A frame is missing, a Maskige is there from another source, or some could not be
            made; the others are then there, so that a second call makes the rest.
    """
    survey = _look_around(tasks, source, overwrite)
    if survey.missing:
        raise DataError(
            f'{len(survey.missing)} of {len(tasks)} frames cannot be read: '
            f'{examples(survey.missing)}. `python -m avsbench data check` says how to fix that'
        )
    if survey.foreign:
        raise DataError(
            f'{len(survey.foreign)} Maskiges are there already whose segments are not from '
            f'{source}: {examples(survey.foreign)}. Replace them with --overwrite, or move the '
            'folder away; a data set with both kinds would be of no use'
        )
    work = functools.partial(_make_or_say_why, source=source, resize=resize)
    results = map_in_processes(work, survey.todo, workers)
    if progress is not None:
        results = progress(results, len(survey.todo))
    report, faults = Report(kept=survey.kept), []
    for left_out, fault in results:
        if fault is not None:
            faults.append(fault)
            continue
        report.made += 1
        report.crowded += left_out > 0
        report.left_out += left_out
    if faults:
        raise DataError(
            f'{len(faults)} of {len(survey.todo)} Maskiges could not be made, the others were: '
            f'{examples(faults)}'
        )
    return report


def make(task: Task, *, source: str, resize: bool = False) -> int:
    """Make one Maskige; the arguments are those of `prepare`.

    Returns:
        Segments that did not fit into the palette.

    Raises:
        BrokenFileError: The frame or the file of segments can't be used.
    """
    if task.masks is None:
        frame = read_frame(task.frame)
        clip = _cut({'frames': [frame], 'img_shape': frame.shape[:2]}, task.cut)
        values, left_out = rank_map(superpixels(clip['frames'][0]))
    else:
        values, left_out = rank_map(read_segments(task.masks))
        values = _fit(values, task, resize)
    save_maskige(task.target, values, source)
    return left_out


def _fit(values: np.ndarray, task: Task, resize: bool) -> np.ndarray:
    """The values (H, W) of a whole or a cut frame, cut as the frame is, nearest pixel each."""
    shape = probe_image(task.frame)
    cut_shape = _target_size(shape, task.cut)
    if not values.size:  # a file of no segments need not say how large the frame is
        return np.zeros(cut_shape, np.uint8)
    if values.shape == cut_shape:
        return values
    if values.shape != shape:
        if not resize:
            sizes = ' or '.join(f'{w} x {h}' for h, w in dict.fromkeys((shape, cut_shape)))
            what = f'{task.masks}: masks of {values.shape[1]} x {values.shape[0]} pixels, expected '
            raise BrokenFileError(f'{what}{sizes}', 'size of masks')
        image = Image.fromarray(values).resize(shape[::-1], Image.Resampling.NEAREST)
        values = np.asarray(image)
    clip = {'frames': [], 'masks': values[None], 'img_shape': shape}
    return _cut(clip, task.cut)['masks'][0]


def _cut(clip: dict, cut: str) -> dict:
    return clip if CUTS[cut] is None else CUTS[cut].transform(clip)


def _target_size(shape: tuple[int, int], cut: str) -> tuple[int, int]:
    return shape if cut == 'whole' else (CUT_SIZE, CUT_SIZE)


def _look_around(tasks: Sequence[Task], source: str, overwrite: bool) -> _Survey:
    survey = _Survey()
    for task in tasks:
        try:
            shape = probe_image(task.frame)
        except BrokenFileError as fault:
            survey.missing.append(fault.what)
            continue
        present = None if overwrite else is_good(task.target, _target_size(shape, task.cut))
        if present is None:
            survey.todo.append(task)
        elif present == source:
            survey.kept += 1
        else:
            survey.foreign.append(task.target)
    return survey


def _make_or_say_why(task: Task, *, source: str, resize: bool) -> tuple[int, str | None]:
    try:
        return make(task, source=source, resize=resize), None
    except BrokenFileError as fault:
        return 0, str(fault)


def _find_masks(frames: Sequence[str], data_root: str, masks_root: Path) -> list[str]:
    """The file of segments of each frame.

    Its path below `masks_root` is that of the frame below `data_root`, of which the first folders
    may be missing, as long as no two frames share a path; `_mask` may follow the frame's name.
    """
    if not masks_root.is_dir():
        raise DataError(f'--masks {masks_root}: no such folder')
    stems = [Path(frame).relative_to(data_root).with_suffix('').parts for frame in frames]
    for dropped in range(max(len(parts) for parts in stems)):
        names = [Path(*parts[dropped:]) for parts in stems]
        if len(set(names)) < len(names):
            break
        found = [_existing(masks_root / name) for name in names]
        missing = [str(name) for name, path in zip(names, found, strict=True) if path is None]
        if not missing:
            return found
        if len(missing) < len(found):
            raise DataError(
                f'{masks_root}: no masks for {len(missing)} of {len(frames)} frames: '
                f'{examples(missing)}; {HOW_TO_MAKE_MASKS}'
            )
    looked_for = examples(str(Path(*parts)) for parts in stems)
    raise DataError(
        f'{masks_root}: no masks for any of {len(frames)} frames: {looked_for}; {HOW_TO_MAKE_MASKS}'
    )


def _existing(stem: Path) -> str | None:
    names = (f'{stem.name}{more}{suffix}' for more in ('_mask', '') for suffix in SUFFIXES)
    paths = (stem.with_name(name) for name in names)
    return next((str(path) for path in paths if path.is_file()), None)
