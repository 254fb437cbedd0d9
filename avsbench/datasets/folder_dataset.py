"""Custom videos and masks, without a csv."""

import functools
import os
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path

from mmengine.dist import barrier, is_main_process

from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.preparation.clip import ClipTask, prepare
from avsbench.datasets.preparation.custom_tree import (
    CustomTree,
    clip_starts,
    names_by_fractions,
    names_by_list,
)
from avsbench.layouts.avss_classes import palette
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError, DataError, examples
from avsbench.utils.parallel import show_progress

FRACTIONS = {'train': 0.8, 'val': 0.1, 'test': 0.1}
MANY = 16  # clips, from which on several processes are worth their start


@DATASETS.register_module()
class FolderAVSDataset(BaseAVSDataset):
    """A folder of videos and a folder of masks.

    `videos/<name>.mp4` has its masks in `masks/<name>/<k>.png`, for as many of its seconds k, from
    1, as are annotated; a mask has the size of the video and, without `classes`, two values. Clips
    are the intervals of `num_frames` seconds that have a mask: seconds 1 to 5, 6 to 10, and so on.
    Frames and audio are extracted when the data set is made the first time, and kept in
    `prepared/`; PyAV (the extra `video`) is needed for that. A folder that is elsewhere can be
    linked to.

    Args:
        data_root: Folder that holds the others.
        split: 'train', 'val' or 'test', or another key of `fractions`.
        num_frames: T, frames and seconds of a clip.
        fractions: {split: share}: videos are assigned to splits by their names.
        split_list: File with the names of the videos of this split, one per line, relative to
            `data_root`; it replaces `fractions`.
        classes: Names of the classes, the background first, for masks whose values are class
            indices; None for masks of one foreground.
        pipeline: See `BaseClipDataset`.
        check: See `BaseClipDataset`.
        test_mode: See `BaseClipDataset`.
        indices: See `BaseClipDataset`.

    Raises:
        ConfigError: `num_frames` is below 1.
        DataError: Videos, masks or lists are missing, malformed, or named in another way.
    """

    subset = 'custom'
    short_audio = 'repeat'
    clip_frames = 5

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        num_frames: int = clip_frames,
        fractions: Mapping[str, float] | None = None,
        split_list: str | None = None,
        classes: Sequence[str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        if num_frames < 1:
            raise ConfigError(f'FolderAVSDataset: num_frames={num_frames}, expected 1 or more')
        self.num_frames = num_frames
        self.fractions = FRACTIONS if fractions is None else fractions
        self.tree = CustomTree.of(data_root)
        self.split_list = None if split_list is None else Path(data_root, split_list)
        self.semantic = classes is not None
        metainfo = None
        if classes is not None:
            metainfo = {'classes': tuple(classes), 'palette': palette(len(classes)).tolist()}
        super().__init__(
            data_root,
            split,
            pipeline=pipeline,
            ann_file=self.tree.videos.name,
            check=check,
            metainfo=metainfo,
            test_mode=test_mode,
            indices=indices,
        )

    def load_clips(self) -> list[AudioClipInfo]:
        """Find the clips of the split, and make the frames and the audio that are not there."""
        videos = self.tree.names()
        if self.split_list is not None:
            names = names_by_list(list(videos), self.split_list)
        else:
            names = names_by_fractions(list(videos), self.split, self.fractions)
        seconds = {name: self.tree.annotated(name) for name in names}
        bare = [name for name in names if not seconds[name]]
        if bare:
            raise DataError(
                f'{self.tree.masks}: {len(bare)} of {len(names)} videos of split {self.split!r} '
                f'have no mask: {examples(bare)}; add at least {self.tree.mask_path(bare[0], 1)}, '
                'or move the videos elsewhere'
            )
        tasks = {
            (name, start): self.tree.clip_task(
                name, videos[name], start, self.num_frames, set(seconds[name])
            )
            for name in names
            for start in clip_starts(seconds[name], self.num_frames)
        }
        self._prepare(list(tasks.values()))
        return [
            self.clip_info(name, task, annotated=set(seconds[name]))
            for (name, _), task in tasks.items()
        ]

    def clip_info(self, name: str, task: ClipTask, annotated: Container[int]) -> AudioClipInfo:
        """`data_info` of a clip.

        Args:
            name: Of its video.
            task: Its files.
            annotated: Seconds of the video that have a mask, from 1.
        """
        tree, numbers = self.tree, range(task.start + 1, task.start + self.num_frames + 1)
        return AudioClipInfo(
            clip_id=f'{name}@{task.start}',
            subset=self.subset,
            split=self.split,
            frame_paths=list(task.frame_paths),
            mask_paths=[tree.mask_path(name, k) if k in annotated else None for k in numbers],
            mask_coding='index' if self.semantic else 'binary',
            num_classes=len(self._metainfo['classes']) if self.semantic else None,
            maskige_paths=[tree.maskige_path(name, k) for k in numbers],
            audio_path=task.wav_path,
            log_mel_path=None,
            short_audio=self.short_audio,
            csv_path=str(tree.videos),
            csv_row=None,
        )

    def _prepare(self, tasks: list[ClipTask]) -> None:
        """Make what is missing, in the main process; the others wait for it."""
        faults = []
        if is_main_process():
            count = sum(bool(task.missing()) for task in tasks)
            workers = os.cpu_count() or 1 if count >= MANY else 0
            bar = functools.partial(show_progress, label='frames and audio')
            outcomes = prepare(tasks, workers=workers, progress=bar)
            faults = [outcome.fault for outcome in outcomes if outcome.fault]
        barrier()
        if faults:
            raise DataError(
                f'{self.tree.videos}: {len(faults)} of {len(tasks)} clips of split {self.split!r} '
                'cannot be made:\n  ' + '\n  '.join(faults)
            )
