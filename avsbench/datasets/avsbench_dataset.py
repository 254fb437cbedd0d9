"""What the data sets of AVSBench have in common: a csv of clips, and a layout of their files."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.csv_index import check_labels, check_names, read_csv, select_split
from avsbench.datasets.validation import THREADS
from avsbench.layouts import ClipFiles, Layout
from avsbench.utils.checks import check_choice

_AT_ONCE = 128  # clips
AUDIO_SOURCES = ('auto', 'log_mel', 'wav')


class AVSBenchDataset(BaseAVSDataset):
    """Clips of one split, listed by a csv; a subclass has the layout of its subset.

    Args:
        data_root: Folder that holds the csv.
        split: Name of the split, as in the csv.
        pipeline: See `BaseClipDataset`.
        ann_file: The csv, relative to `data_root`; None for the published name.
        audio_source: 'auto': the stored log-mel where there is one, else the wav file. 'log_mel'
            or 'wav': this one only.
        check: See `BaseClipDataset`.
        metainfo: See `BaseClipDataset`.
        test_mode: See `BaseClipDataset`.
        indices: See `BaseClipDataset`.

    Raises:
        DataError: The csv or files it lists are missing or malformed.
    """

    layout: Layout

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.subset = cls.layout.subset
        cls.short_audio = cls.layout.short_audio
        cls.clip_frames = cls.layout.frames
        cls.maskige_size = cls.layout.maskige_size

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
    ) -> None:
        name = f'{type(self).__name__}: audio_source'
        self.audio_source = check_choice(name, audio_source, AUDIO_SOURCES)
        super().__init__(
            data_root,
            split,
            pipeline=pipeline,
            ann_file=self.layout.csv if ann_file is None else ann_file,
            check=check,
            metainfo=metainfo,
            test_mode=test_mode,
            indices=indices,
        )

    def load_clips(self) -> list[AudioClipInfo]:
        """See `BaseAVSDataset.load_clips`."""
        self._folder = os.path.join(self.data_root, '')
        columns = self.layout.name_columns
        table = read_csv(self.ann_file, (*columns, 'split'))
        rows = select_split(table, self.split, self.ann_file)
        check_names(rows, columns, self.ann_file)
        check_labels(rows, self.layout, self.ann_file)
        records = rows.to_dict('records')
        # a thread takes many at once: handing over a clip takes longer than its work
        parts = [records[k : k + _AT_ONCE] for k in range(0, len(records), _AT_ONCE)]
        with ThreadPoolExecutor(THREADS) as pool:
            return [info for infos in pool.map(self._clip_infos, parts) for info in infos]

    def _clip_infos(self, rows: list[dict]) -> list[AudioClipInfo]:
        return [self.clip_info(row) for row in rows]

    def clip_info(self, row: dict) -> AudioClipInfo:
        """`data_info` of the clip in a row of the csv; opens no file.

        Args:
            row: The needed cells and `csv_row`.
        """
        files = self.layout.clip_files(row, self.count_frames(row))
        annotated = self.layout.annotated(row, len(files.frames))
        coding = self.mask_coding(files)
        log_mel = self._log_mel(files)
        wav = self._path(files.wav)
        info = AudioClipInfo(
            clip_id=files.clip_id,
            subset=self.subset,
            split=self.split,
            frame_paths=[self._path(path) for path in files.frames],
            mask_paths=[
                self._path(path) if index < annotated else None
                for index, path in enumerate(files.masks[coding])
            ],
            mask_coding=coding,
            num_classes=len(self._metainfo['classes']) if self.layout.semantic else None,
            maskige_paths=[self._path(path) for path in files.maskiges],
            audio_path=wav if log_mel is None or os.path.isfile(wav) else None,
            log_mel_path=log_mel,
            short_audio=self.short_audio,
            csv_path=self.ann_file,
            csv_row=row['csv_row'],
        )
        if 'category' in self.layout.name_columns:
            info['category'] = row['category']
        return info

    def count_frames(self, row: dict) -> int:
        """T of the clip in a row of the csv."""
        return self.layout.kind(row).frames

    def mask_coding(self, files: ClipFiles) -> str:
        """Which of a clip's masks are read: a key of the layout's `masks`."""
        return next(iter(files.masks))

    def _path(self, path: str) -> str:
        # a layout's paths are relative; os.path.join looks at each, of a million in a large csv
        return f'{self._folder}{path}'

    def _log_mel(self, files: ClipFiles) -> str | None:
        """The stored log-mel of a clip, None if its wav file is to be read."""
        if self.audio_source == 'wav':
            return None
        stored = [self._path(files.log_mel) + suffix for suffix in ('.pkl', '.npy')]
        found = next(filter(os.path.isfile, stored), None)
        if found is None and self.audio_source == 'log_mel':
            return stored[0]  # missing: the check says so
        return found
