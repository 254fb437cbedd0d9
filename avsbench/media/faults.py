"""What can be wrong with a file of a data set, and how to fix it."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from avsbench.utils.errors import DataError, examples

REMEDIES = {
    'missing file': 'unpack the download again, or correct data_root',
    'missing audio': 'unpack the download again; either the wav or the log-mel file is needed',
    'broken image': 'restore the file from the download',
    'broken mask': 'restore the file from the download',
    'sizes differ': 'a mask has the size of its frame, and all frames of a clip have one size: '
    "restore the files from the download; or, where masks alone differ, set mask_size='separate' "
    'of LoadClip, which resizes both separately as the published code does',
    'extracted frames': 'extract all frames of the clip again: `ffmpeg -i Release/clips320H/ID.mp4 '
    '-vsync 0 -start_number 1 frames/ID/%05d.png`',
    'label count': 'restore the folder from the download',
    'old label file': 'restore the file from the download, or save it again with -v7.3 in MATLAB',
    'frame count': 'restore the folder from the download',
    'broken audio': 'restore the file from the download, or make it again from the video',
    'short audio': 'a clip needs about a second of audio; make the file again from the video, or '
    'take the clip out of the csv',
    'broken log-mel': 'restore the file from the download, or delete it: log-mel is then computed '
    "from the wav (audio_source='wav' of the data set does so without deleting)",
    'mask form': 'save the mask as an image of one channel, black for the background and white for '
    'the object',
    'label form': 'save the label as an image of one channel whose grey values are the class '
    'indices',
    'mask values': "make a mask of two values, or set grey='foreground' of LoadClip",
    'label values': 'restore the file from the download; give the data set all classes (by '
    '`classes` for custom data, in AVSS by label2idx.json); or set '
    "unknown_colour='background' of LoadClip, as the published code does",
    'missing Maskige': 'make it with `python -m avsbench data maskiges SUBSET --data-root DIR '
    "--source superpixels`, or unpack those that COMBO's authors give out",
    'broken Maskige': 'make it again with `avsbench data maskiges`, which replaces files that are '
    'not whole or not as large as they must be',
    'missing prior mask': 'predict the split with the network of the earlier stage: `bash test.sh '
    'SUBSET CONFIG CHECKPOINT --save-masks DIR`, for another split than the one to test on with '
    '`--cfg-options test_dataloader.dataset.split=train`',
    'broken prior mask': 'predict the split again with the network of the earlier stage, or '
    'correct the folder of LoadPriorMasks',
    'broken masks': 'make the file again with the segmentation model, in one of the formats that '
    '`python -m avsbench data maskiges --help` names',
    'size of masks': 'give masks of the frame as it is on disk, or add --resize if they were made '
    'of the whole frame at another size',
    'labels differ': "set label_source of the data set to 'semantic' or 'rgb'",
}
"""Kind of fault -> the setting or command that fixes it."""

_Result = TypeVar('_Result')


def absent(path: str | Path) -> str:
    """'PATH: no such file', and the file of nearly that name that lies there, if there is one.

    Nearly is another suffix, other capitals, or a number with other zeros in front: what differs
    between ways of unpacking and of extracting frames.
    """
    path = Path(path)
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        names = []
    stem = _plain(path.stem)
    near = next((name for name in names if _plain(Path(name).stem) == stem), None)
    return f'{path}: no such file' + (f', but there is {near}' if near else '')


def _plain(stem: str) -> str:
    return str(int(stem)) if stem.isascii() and stem.isdecimal() else stem.lower()


class BrokenFileError(DataError):
    """One file can't be used.

    Args:
        message: Names the file and says what is wrong with it.
        kind: Key of `REMEDIES`; how to fix it is added to the message.
    """

    def __init__(self, message: str, kind: str | None = None) -> None:
        # without a kind the message is complete: a loader worker's error is raised again like that
        super().__init__(f'{message}. To fix it: {REMEDIES[kind]}' if kind else message)
        self.what = message
        self.kind = kind


@dataclass
class ClipCheck:
    """What was found about one clip; the steps that load a clip add to it.

    Attributes:
        clip_id: Name of the clip.
        csv_row: Its line in the csv, the header being line 1; None where no csv lists the clips.
        faults: Everything that is wrong with its files.
        first_image: First image that can be read, and its size (H, W); None until there is one.
        patches: Spectrograms that its audio file gives, None where that isn't known.
    """

    clip_id: str
    csv_row: int | None
    faults: list[BrokenFileError] = field(default_factory=list)
    first_image: tuple[str, tuple[int, int]] | None = None
    patches: int | None = None

    def attempt(self, call: Callable[..., _Result], *args: object) -> _Result | None:
        """The result of a call; None if it raised a fault, which is noted."""
        try:
            return call(*args)
        except BrokenFileError as fault:
            self.faults.append(fault)
            return None


def describe(checks: Iterable[ClipCheck], units: str = 'clips') -> str:
    """One paragraph for each kind of fault: count, up to five examples, how to fix it.

    Args:
        checks: What was found.
        units: What each of them is about, in the plural.
    """
    found: dict[str, list[str]] = {}
    clips: dict[str, set[str]] = {}
    for check in checks:
        for fault in check.faults:
            where = '' if check.csv_row is None else f' (csv row {check.csv_row})'
            found.setdefault(fault.kind, []).append(f'{fault.what}{where}')
            clips.setdefault(fault.kind, set()).add(check.clip_id)
    return '\n'.join(
        f'  {kind}: {len(cases)} in {len(clips[kind])} {units}, e.g. {examples(cases)}\n'
        f'    to fix it: {REMEDIES[kind]}'
        for kind, cases in found.items()
    )
