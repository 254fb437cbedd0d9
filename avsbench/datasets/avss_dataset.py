"""AVSBench-semantic: 70 classes of sounding objects (Zhou et al., arXiv 2301.13190)."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from avsbench.datasets.avsbench_dataset import AVSBenchDataset
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.validation import ChecksFiles
from avsbench.layouts import AVSS, AVSS_WHOLE_FRAMES, ClipFiles
from avsbench.layouts.avss_classes import CLASSES, MAX_CLASSES, palette
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.media.images import read_colour_label, read_index_label
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import DataError
from avsbench.utils.text import read_json

CODINGS = {'semantic': 'index', 'rgb': 'palette'}
LABEL_SOURCES = ('auto', *CODINGS)


@DATASETS.register_module()
class AVSSDataset(AVSBenchDataset):
    """The semantic subset: clips of 5 frames (v1s, v1m) and of 10 (v2), 70 classes.

    `avsbench.layouts.AVSS` says which files it reads. A clip of v1s or v1m may also have 10 frames.
    In the split `train` only the first frame of a v1s clip is annotated.

    Args:
        data_root: See `AVSBenchDataset`.
        split: See `AVSBenchDataset`.
        num_classes: Number of classes that the model is for; must be that of `label2idx.json`, or
            71 without that file. None takes the data set's.
        label_source: 'auto': class indices where a clip has `labels_semantic`, else the colours of
            `labels_rgb`; both are compared once, on the first clip that has both. 'semantic' or
            'rgb': these only.
        pipeline: See `AVSBenchDataset`.
        ann_file: See `AVSBenchDataset`.
        audio_source: See `AVSBenchDataset`.
        check: See `AVSBenchDataset`.
        test_mode: See `AVSBenchDataset`.
        indices: See `AVSBenchDataset`.
    """

    layout = AVSS

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        num_classes: int | None = None,
        label_source: str = 'auto',
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        audio_source: str = 'auto',
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        self.label_source = check_choice('AVSSDataset: label_source', label_source, LABEL_SOURCES)
        classes = read_classes(os.path.join(data_root, 'label2idx.json'))
        if num_classes not in (None, len(classes)):
            raise DataError(
                f'AVSSDataset: num_classes={num_classes}, but {data_root} has {len(classes)} '
                'classes (label2idx.json). Set num_classes of the config to that, or data_root to '
                'the data set that you mean'
            )
        super().__init__(
            data_root,
            split,
            pipeline=pipeline,
            ann_file=ann_file,
            audio_source=audio_source,
            check=check,
            metainfo={'classes': classes, 'palette': palette(len(classes)).tolist()},
            test_mode=test_mode,
            indices=indices,
        )

    def count_frames(self, row: dict) -> int:
        """At least as many as clips of its kind have, and as the highest number of its files says.

        So what was lost of a clip is missing, instead of making it shorter.
        """
        files = self.layout.clip_files(row, 1)
        folders = dict.fromkeys(
            os.path.dirname(path)
            for path in (files.frames[0], *(masks[0] for masks in files.masks.values()))
        )
        return max(super().count_frames(row), *(_count_numbered(self._path(f)) for f in folders))

    def mask_coding(self, files: ClipFiles) -> str:
        """Labels as `label_source` says."""
        if self.label_source != 'auto':
            return CODINGS[self.label_source]
        folder = os.path.dirname(files.masks['index'][0])
        return 'index' if os.path.isdir(os.path.join(self.data_root, folder)) else 'palette'

    def check_clip(
        self, info: AudioClipInfo, *, steps: Sequence[ChecksFiles], full: bool
    ) -> ClipCheck:
        """See `BaseClipDataset.check_clip`; the number of frames is checked too."""
        found = super().check_clip(info, steps=steps, full=full)
        count, folder = len(info['frame_paths']), os.path.dirname(info['frame_paths'][0])
        least = self.layout.kind({'label': info['clip_id'].split('/')[0]}).frames
        lengths = sorted({least, self.layout.frames})
        if count not in lengths:
            what = (
                f'{os.path.dirname(folder)}: its frames or labels are numbered 0 to {count - 1}, '
                f'expected {" or ".join(map(str, lengths))} of them'
            )
            found.faults.append(BrokenFileError(what, 'frame count'))
        return found

    def check_files(self, level: str) -> Iterator[ClipCheck]:
        """See `BaseClipDataset.check_files`; last comes a comparison of both kinds of labels."""
        yield from super().check_files(level)
        if self.label_source == 'auto':
            yield from self._compare_labels()

    def summary(self) -> dict:
        """See `BaseAVSDataset.summary`; with `labels`, clips by label, and `label_source`."""
        infos = list(self.clip_infos())
        return super().summary() | {
            'labels': dict(Counter(info['clip_id'].split('/')[0] for info in infos)),
            'label_source': dict(Counter(info['mask_coding'] for info in infos)),
        }

    def _compare_labels(self) -> Iterator[ClipCheck]:
        """A fault if the first label that exists as indices and as colours has two meanings."""
        for info in self.clip_infos():
            label, uid = info['clip_id'].split('/')
            files = self.layout.clip_files({'label': label, 'uid': uid}, 1)
            indices, colours = (
                self._path(files.masks[coding][0]) for coding in ('index', 'palette')
            )
            if not (os.path.isfile(indices) and os.path.isfile(colours)):
                continue
            try:
                fault = _difference(indices, colours, info['num_classes'])
            except BrokenFileError:  # reported for this clip already
                continue
            if fault is not None:
                yield ClipCheck(info['clip_id'], info['csv_row'], [fault])
            return


@DATASETS.register_module()
class AVSSWholeFrameDataset(AVSSDataset):
    """The semantic subset with Maskiges of the whole frames, as VCT reads it."""

    layout = AVSS_WHOLE_FRAMES

    def fix_commands(self, checks: Iterable[ClipCheck]) -> list[str]:
        """See `BaseAVSDataset.fix_commands`."""
        return [f'{command} --whole-frames' for command in super().fix_commands(checks)]


def _difference(indices: str, colours: str, num_classes: int) -> BrokenFileError | None:
    """What is wrong if two files of one label differ in meaning."""
    first = read_index_label(indices, num_classes, unknown_colour='background')
    second = read_colour_label(colours, num_classes, unknown_colour='background')
    if first.shape == second.shape and (first == second).all():
        return None
    count = (first != second).sum() if first.shape == second.shape else 'all'
    what = f'{indices} and {colours}: {count} of {first.size} pixels differ in class'
    return BrokenFileError(what, 'labels differ')


def read_classes(path: str) -> tuple[str, ...]:
    """Class names of `label2idx.json` in the order of their indices; the published ones without it.

    Args:
        path: The file; object of class name -> index.

    Raises:
        DataError: It is malformed.
    """
    try:
        table = read_json(path)
    except FileNotFoundError:
        return tuple(CLASSES)
    except DataError as error:
        raise DataError(f'{error}. Restore it from the download') from error
    indices = sorted(table.values(), key=str) if isinstance(table, dict) else []
    expected = sorted(range(len(indices)), key=str)
    if indices != expected or not 0 < len(indices) <= MAX_CLASSES:
        raise DataError(
            f'{path}: expected an object of 1 to {MAX_CLASSES} class names with the indices 0, 1, '
            '2, ... each once. Restore it from the download'
        )
    return tuple(sorted(table, key=table.get))


def _count_numbered(folder: str) -> int:
    """Highest number of an image in a folder plus 1; 0 if it has none or does not exist."""
    try:
        names = [os.path.splitext(name) for name in os.listdir(folder)]
    except OSError:
        return 0
    # isdecimal: of the numbers only, so that hidden copies such as ._0.jpg don't count
    numbers = (
        int(stem)
        for stem, suffix in names
        if suffix in ('.jpg', '.png') and stem.isascii() and stem.isdecimal()
    )
    return max(numbers, default=-1) + 1
