"""What the data sets of all subsets have in common."""

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from mmengine.dataset import BaseDataset

from avsbench.datasets.csv_index import check_names, read_csv, select_split
from avsbench.datasets.transforms.loading import LoadLogMel, LoadMaskiges, LoadMasks
from avsbench.datasets.validation import CHECK_LEVELS, THREADS, ClipChecker, check_clips
from avsbench.media.faults import BrokenFileError, ClipCheck, describe
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import DataError

AUDIO_SOURCES = ('auto', 'log_mel', 'wav')
MASKIGE_SUFFIX = '_mask_color.png'  # after the name of the frame, as published

_T = TypeVar('_T')


class BaseAVSDataset(BaseDataset):
    """Clips of one split of AVSBench, listed by a csv.

    A clip's `data_info` holds `clip_id` (unique in the split, usable as a relative path), `subset`,
    `split`, `frame_paths` (T), `mask_paths` (T, None where a frame is not annotated), `mask_coding`
    ('binary', 'index' or 'palette'), `maskige_paths` (T, looked at only if the pipeline loads
    them), `audio_path`, `log_mel_path`, `csv_row`, `csv_path`, and what a subset adds.

    The files are checked when the data set is made. One that turns out broken in spite of that
    stops the run: a clip is never replaced by another.

    Args:
        data_root: Folder that holds the csv.
        split: Name of the split, as in the csv.
        pipeline: Transforms, or their configs.
        ann_file: The csv, relative to `data_root`; None for the published name.
        audio_source: 'auto': the stored log-mel where there is one, else the sound file. 'log_mel'
            or 'wav': this one only.
        check: 'fast' looks at the header and end of every file, 'full' decodes every file, 'off'
            looks at none.
        metainfo: Replaces `classes` or `palette` of the subset.
        test_mode: Whether this is a data set to test on, as mmengine understands it.
        indices: Only these clips, or the first so many (the last, if negative).
        lazy_init: Read the csv when the first clip is asked for, not now.

    Attributes:
        checks: What was found about each clip, empty if nothing was checked.

    Raises:
        DataError: The csv or files it lists are missing or malformed.
    """

    subset: str
    default_ann_file: str
    name_columns: tuple[str, ...]  # what makes up the name of a clip
    short_audio: str  # what the published code does with too little sound, see LoadLogMel
    num_frames: int  # seconds and frames of its longest clips

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        audio_source: str = 'auto',
        check: str = 'fast',
        metainfo: dict | None = None,
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
    ) -> None:
        name = type(self).__name__
        self.split = split
        self.audio_source = check_choice(f'{name}: audio_source', audio_source, AUDIO_SOURCES)
        self.check = check_choice(f'{name}: check', check, CHECK_LEVELS)
        self.checks: list[ClipCheck] = []
        super().__init__(
            ann_file=self.default_ann_file if ann_file is None else ann_file,
            metainfo=metainfo,
            data_root=str(data_root),
            data_prefix={},
            indices=indices,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=0,  # mmengine would replace a clip that can't be read by a random one
        )

    @abstractmethod
    def clip_info(self, row: dict) -> dict:
        """`data_info` of the clip in a row of the csv; opens no file.

        Args:
            row: The needed cells and `csv_row`.
        """

    def load_data_list(self) -> list[dict]:
        """Read the csv; mmengine calls this."""
        table = read_csv(self.ann_file, (*self.name_columns, 'split'))
        rows = select_split(table, self.split, self.ann_file)
        check_names(rows, self.name_columns, self.ann_file)
        with ThreadPoolExecutor(THREADS) as pool:
            infos = list(pool.map(self.clip_info, rows.to_dict('records')))
        common = {'subset': self.subset, 'split': self.split, 'csv_path': self.ann_file}
        return [info | common for info in infos]

    def full_init(self) -> None:
        """Read the csv and check the files, once.

        Raises:
            DataError: The csv or files it lists are missing or malformed.
        """
        if self._fully_initialized:
            return
        super().full_init()
        if self.check != 'off':
            self.checks = list(self.check_files(self.check))
            broken = [check for check in self.checks if check.faults]
            if broken:
                report = self._report(broken)
                self._fully_initialized = False  # a second attempt must not pass
                raise DataError(report)

    def check_files(self, level: str) -> Iterator[ClipCheck]:
        """Check all clips, in their order.

        Args:
            level: 'fast' or 'full', as the argument `check` of the class.
        """
        checker = ClipChecker(
            level,
            self._find(LoadMasks) or LoadMasks(),
            self._find(LoadLogMel) or LoadLogMel(self.short_audio),
            self._find(LoadMaskiges),
        )

        def check(info: dict) -> ClipCheck:
            found = checker(info)
            return replace(found, faults=found.faults + self.clip_faults(info))

        yield from check_clips(check, self.infos(), level)

    def clip_faults(self, info: dict) -> tuple[BrokenFileError, ...]:
        """What is wrong with a clip beyond its single files; subsets add to it."""
        del info
        return ()

    def mending_commands(self, checks: Iterable[ClipCheck]) -> list[str]:
        """Commands that make what was found missing, as far as the toolbox can make it."""
        kinds = {fault.kind for check in checks for fault in check.faults}
        if not kinds & {'missing Maskige', 'broken Maskige'}:
            return []
        command = f'python tools/prepare_maskiges.py {self.subset} --data-root {self.data_root}'
        return [f'{command} --source superpixels']

    def infos(self) -> Iterator[dict]:
        """`data_info` of every clip."""
        return (self.get_data_info(index) for index in range(len(self)))

    def summary(self) -> dict:
        """Counts for reports.

        Returns:
            `subset`, `split`, `clips`, `frames`, `annotated_frames`; `audio`: clips by the source
            of their log-mel; `padded_audio`, `cut_audio`: clips whose sound file gives fewer or
            more patches than the clip has frames, None if the files were not checked.
        """
        infos = list(self.infos())
        patches = {c.clip_id: c.patches for c in self.checks if c.patches is not None}
        missing = [
            len(info['frame_paths']) - patches[info['clip_id']]
            for info in infos
            if info['clip_id'] in patches
        ]
        audio = Counter('wav' if info['log_mel_path'] is None else 'log_mel' for info in infos)
        return {
            'subset': self.subset,
            'split': self.split,
            'clips': len(infos),
            'frames': sum(len(info['frame_paths']) for info in infos),
            'annotated_frames': sum(
                path is not None for info in infos for path in info['mask_paths']
            ),
            'audio': dict(audio),
            'padded_audio': sum(n > 0 for n in missing) if self.checks else None,
            'cut_audio': sum(n < 0 for n in missing) if self.checks else None,
        }

    def _audio(self, wav_path: str, log_mel_stem: str) -> dict:
        """`audio_path` and `log_mel_path` of a clip; a path that is None will not be used."""
        stored = [f'{log_mel_stem}.pkl', f'{log_mel_stem}.npy']
        found = next(filter(os.path.isfile, stored), None)
        if self.audio_source == 'wav':
            found = None
        elif self.audio_source == 'log_mel' and found is None:
            found = stored[0]  # missing: the check says so
        audio_path = wav_path if found is None or os.path.isfile(wav_path) else None
        return {'audio_path': audio_path, 'log_mel_path': found}

    def _find(self, kind: type[_T]) -> _T | None:
        """The pipeline's transform of a kind, None if it has none."""
        return next((step for step in self.pipeline.transforms if isinstance(step, kind)), None)

    def _report(self, broken: list[ClipCheck]) -> str:
        where = f'{type(self).__name__}, split {self.split!r} of {self.ann_file}'
        text = f'{where}: {len(broken)} of {len(self)} clips cannot be used\n{describe(broken)}'
        commands = self.mending_commands(broken)
        for command in commands:
            text += f'\n  To make what is missing: {command}'
        if len(broken) == len(self) and not commands:
            text += f'\n  No clip can be used: is data_root={self.data_root!r} the right folder?'
        command = f'python tools/check_dataset.py {self.subset} --data-root {self.data_root}'
        return f'{text}\n  To check all splits: {command}'
