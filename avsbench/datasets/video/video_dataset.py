"""What the data sets of videos have in common: a list of videos, windows of their frames."""

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

from avsbench.datasets.base_clip_dataset import BaseClipDataset
from avsbench.datasets.clip_info import VideoClipInfo
from avsbench.datasets.validation import THREADS, ChecksFiles
from avsbench.datasets.video.listing import check_names, read_lines, stem
from avsbench.datasets.video.windows import Window, centre_window
from avsbench.media.faults import BrokenFileError, ClipCheck, absent
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError, examples


class Video(NamedTuple):
    """Files of a video.

    Attributes:
        name: Usable as a relative path.
        folder: In which its frames were looked for.
        frame_paths: Its frames in order.
        mask_paths: Their masks, None where a frame is not annotated.
        missing: Files that others show to be missing.
        csv_row: Line of the video in what lists it, None where that is no csv.
    """

    name: str
    folder: str
    frame_paths: list[str]
    mask_paths: list[str | None]
    missing: list[str] = []
    csv_row: int | None = None


class VideoDataset(BaseClipDataset):
    """Windows of T frames of the videos of one split; a subclass lists the videos.

    To train on, each item is a window of which all frames are wanted; to test on, the prediction
    of its centre alone, so that every frame is predicted once.

    Args:
        data_root: Folder of the data set.
        split: One of the class's `splits`.
        num_frames: T, frames of a window.
        centre_step: To train on, every so many frames of a video are centres; None for the class's.
        pipeline: See `BaseClipDataset`.
        ann_file: Names of the videos, one per line, relative to `data_root`; None for the
            published list.
        check: See `BaseClipDataset`.
        test_mode: Whether this is a data set to test on.
        indices: See `BaseClipDataset`.

    Raises:
        ConfigError: `split`, `num_frames` or `centre_step` is none that the class has.
        DataError: Lists or files are missing or malformed.
    """

    METAINFO = BaseClipDataset.METAINFO | {'result_layout': 'videos'}
    splits: tuple[str, ...]
    list_file = '{split}_seqs.txt'
    mask_coding: str | None = 'nonzero'
    centre_step = 1
    clip_frames = 6
    centre_only = False  # whether a training has the target of one frame of a window alone
    checked_units = 'videos'

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        num_frames: int = clip_frames,
        centre_step: int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        check: str = 'fast',
        metainfo: dict | None = None,
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        name = type(self).__name__
        check_choice(f'{name}: split', split, self.splits)
        self.num_frames = num_frames
        self.centre_step = self.centre_step if centre_step is None else centre_step
        if min(self.num_frames, self.centre_step) < 1:
            raise ConfigError(
                f'{name}: num_frames={num_frames}, centre_step={centre_step}, expected 1 or more'
            )
        self.given_list = ann_file is not None
        self.videos: dict[str, Video] = {}
        super().__init__(
            data_root,
            split,
            pipeline=pipeline,
            ann_file=self.list_file.format(split=split) if ann_file is None else ann_file,
            check=check,
            metainfo=metainfo,
            test_mode=test_mode,
            indices=indices,
        )

    @staticmethod
    def window_around(total: int, frame: int, length: int) -> Window:
        """The window that predicts one frame of a video, see `centre_window`."""
        return centre_window(total, frame, length)

    @abstractmethod
    def find_video(self, name: str) -> Video:
        """List the files of a video; one whose folder is missing has no frames."""

    def read_list(self) -> list[str]:
        """Names of the videos from `ann_file`.

        Raises:
            DataError: It is missing or malformed.
        """
        return read_lines(self.ann_file)

    def derive_names(self) -> tuple[list[str], str]:
        """Names of the videos where there is no published list, and what they come from.

        Raises:
            DataError: That is missing or malformed.
        """
        return self.read_list(), self.ann_file

    def load_data_list(self) -> list[dict]:
        """See `BaseClipDataset.load_data_list`.

        Windows overlap, so that what `get_data_info` gives would take six times the memory.
        """
        self.videos = {video.name: video for video in self.load_videos()}
        items = [
            {'video': name, 'windows': [tuple(window) for window in windows]}
            for name, video in self.videos.items()
            for windows in self.items(video)
        ]
        if not items:
            raise DataError(f'{self.ann_file}: no video of it has a frame to train or test on')
        return items

    def get_data_info(self, idx: int) -> VideoClipInfo:
        """`data_info` of an item; that of its first window, if a training draws one."""
        return self.choices(idx)[0]

    def choices(self, idx: int) -> list[VideoClipInfo]:
        """`data_info` of all windows of an item, of which a training draws one."""
        item = self._item(idx)
        infos = (
            self.clip_info(self.videos[item['video']], Window(*window))
            for window in item['windows']
        )
        return [{**info, 'sample_idx': item['sample_idx']} for info in infos]

    def _item(self, idx: int) -> dict:
        return super().get_data_info(idx)

    def load_videos(self) -> list[Video]:
        """The videos of the split with their files, in the order of the list.

        Raises:
            DataError: The list is missing or malformed, or names a video that isn't there.
        """
        if self.given_list or os.path.isfile(self.ann_file):
            names = self.read_list()
        else:
            names, self.ann_file = self.derive_names()
        check_names(names, self.ann_file)
        with ThreadPoolExecutor(THREADS) as pool:
            videos = list(pool.map(self.find_video, names))
        empty = [video.folder for video in videos if not video.frame_paths]
        if empty:
            raise DataError(
                f'{self.ann_file}: {len(empty)} of {len(videos)} videos have no frames, or no '
                f'folder: {examples(empty)}. Unpack the download again, correct data_root, or '
                'take them out of the list'
            )
        return videos

    def items(self, video: Video) -> Iterable[Sequence[Window]]:
        """The items of a video, each with the windows of which a training draws one."""
        return ([window] for window in self.windows(video))

    def windows(self, video: Video) -> Iterable[Window]:
        """The windows of a video, in order."""
        for centre in self.centres(video):
            yield self.window_around(len(video.frame_paths), centre, self.num_frames)

    def centres(self, video: Video) -> Iterable[int]:
        """Positions of the frames that are centres of windows."""
        return range(0, len(video.frame_paths), 1 if self.test_mode else self.centre_step)

    def clip_info(self, video: Video, window: Window) -> VideoClipInfo:
        """`data_info` of a window of a video."""
        count = len(window.frame_idx)
        wanted = [position % count for position in window.kept] if self.test_mode else range(count)
        return VideoClipInfo(
            clip_id=f'{video.name}/{stem(video.frame_paths[window.centre])}',
            subset=self.subset,
            split=self.split,
            frame_paths=[video.frame_paths[index] for index in window.frame_idx],
            mask_paths=[
                video.mask_paths[index] if position in wanted else None
                for position, index in enumerate(window.frame_idx)
            ],
            mask_coding=self.mask_coding,
            num_classes=self.num_classes,
            csv_path=self.ann_file,
            csv_row=video.csv_row,
            video=video.name,
            frame_idx=list(window.frame_idx),
            kept=list(window.kept) if self.test_mode else None,
        )

    @property
    def num_classes(self) -> int | None:
        """K of class labels, None for binary masks."""
        return None

    def infos_to_check(self) -> Iterator[VideoClipInfo]:
        """One for each video, with the frames and masks that its items read, each once."""
        infos = (info for index in range(len(self)) for info in self.choices(index))
        for name, group in groupby(infos, key=lambda info: info['video']):
            windows = list(group)
            files = {}
            for window in windows:
                paths = zip(window['frame_paths'], window['mask_paths'], strict=True)
                for index, (frame, mask) in zip(window['frame_idx'], paths, strict=True):
                    files[index] = frame, mask or files.get(index, (None, None))[1]
            frame_idx = sorted(files)
            yield windows[0] | {
                'clip_id': name,
                'frame_idx': frame_idx,
                'frame_paths': [files[index][0] for index in frame_idx],
                'mask_paths': [files[index][1] for index in frame_idx],
            }

    def num_checked(self) -> int:
        """See `BaseClipDataset.num_checked`."""
        return len({self._item(index)['video'] for index in range(len(self))})

    def check_clip(
        self, info: VideoClipInfo, *, steps: Sequence[ChecksFiles], full: bool
    ) -> ClipCheck:
        """See `BaseClipDataset.check_clip`; this one is about a video."""
        found = super().check_clip(info, steps=steps, full=full)
        found.faults += [
            BrokenFileError(absent(path), 'missing file')
            for path in self.videos[info['video']].missing
        ]
        return found

    def summary(self) -> dict:
        """Counts for reports.

        Returns:
            `subset`, `split`, `videos`, `clips`, `frames` of the videos and `annotated_frames`.
        """
        videos = list(self.infos_to_check())
        return {
            'subset': self.subset,
            'split': self.split,
            'videos': len(videos),
            'clips': len(self),
            'frames': sum(len(self.videos[info['video']].frame_paths) for info in videos),
            'annotated_frames': sum(
                path is not None for info in videos for path in info['mask_paths']
            ),
        }
