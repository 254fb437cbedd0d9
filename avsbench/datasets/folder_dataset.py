"""Own videos and masks, without any index."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mmengine.dist import barrier, is_main_process

from avsbench.datasets.avss_classes import palette
from avsbench.datasets.base_avs_dataset import MASKIGE_SUFFIX, BaseAVSDataset
from avsbench.datasets.preparation.clip import ClipTask, prepare
from avsbench.datasets.preparation.own import (
    OwnTree,
    clip_starts,
    names_by_fractions,
    names_by_list,
)
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
    are the stretches of `num_frames` seconds that have a mask: seconds 1 to 5, 6 to 10, and so on.
    Frames and sound are taken out of the videos when the data set is made the first time, and kept
    in `prepared/`; PyAV (the extra `video`) is needed for that.

    Args:
        data_root: Folder that holds the others.
        split: 'train', 'val' or 'test', or another key of `fractions`.
        num_frames: T, seconds of a clip.
        fractions: {split: share}: videos are dealt out by their names, whole ones.
        split_list: File with the names of the videos of this split, one a line, relative to
            `data_root`; `fractions` are not looked at then.
        video_dir: Folder of the videos, relative to `data_root`.
        mask_dir: Folder of the masks.
        prepared_dir: Folder of what is made of the videos.
        classes: Names of the classes, the background first, for masks whose values are class
            indices; None for masks of one foreground.
        num_classes: K; only checked: 1, or the number of `classes`.
        pipeline: Transforms, or their configs.
        check: See `BaseAVSDataset`.
        test_mode: See `BaseAVSDataset`.
        indices: See `BaseAVSDataset`.
        lazy_init: See `BaseAVSDataset`.

    Raises:
        DataError: Videos, masks or lists are missing, malformed, or named in another way.
    """

    METAINFO = {'classes': ('background', 'sounding'), 'palette': [[0, 0, 0], [255, 255, 255]]}
    subset = 'own'
    default_ann_file = ''
    name_columns = ()
    short_audio = 'repeat'
    num_frames = 5

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        num_frames: int = 5,
        fractions: Mapping[str, float] | None = None,
        split_list: str | None = None,
        video_dir: str = 'videos',
        mask_dir: str = 'masks',
        prepared_dir: str = 'prepared',
        classes: Sequence[str] | None = None,
        num_classes: int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
    ) -> None:
        if num_frames < 1:
            raise ConfigError(f'FolderAVSDataset: num_frames={num_frames}, expected 1 or more')
        known = 1 if classes is None else len(classes)
        if num_classes not in (None, known):
            raise ConfigError(
                f'FolderAVSDataset: num_classes={num_classes}, but classes={classes!r}: expected '
                f'{known}. Set num_classes of the config to that, or name the classes, the '
                'background first'
            )
        root = Path(data_root)
        self.num_frames = num_frames
        self.fractions = FRACTIONS if fractions is None else fractions
        self.split_list = None if split_list is None else root / split_list
        self.tree = OwnTree(root / video_dir, root / mask_dir, root / prepared_dir)
        self.semantic = classes is not None
        metainfo = None
        if classes is not None:
            metainfo = {'classes': tuple(classes), 'palette': palette(len(classes)).tolist()}
        super().__init__(
            data_root,
            split,
            pipeline=pipeline,
            ann_file=video_dir,
            check=check,
            metainfo=metainfo,
            test_mode=test_mode,
            indices=indices,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict]:
        """Find the clips of the split, and make the frames and the sound that are not there."""
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
            (name, start): self.tree.clip_task(name, videos[name], start, self.num_frames)
            for name in names
            for start in clip_starts(seconds[name], self.num_frames)
        }
        self._prepare(list(tasks.values()))
        return [
            self.clip_info({'name': name, 'task': task, 'annotated': set(seconds[name])})
            for (name, _), task in tasks.items()
        ]

    def clip_info(self, row: dict) -> dict:
        """`data_info` of a clip.

        Args:
            row: `name`, `task` with its files, and `annotated`, the seconds with a mask.
        """
        name, task = row['name'], row['task']
        numbers = range(task.start + 1, task.start + self.num_frames + 1)
        maskiges = self.tree.prepared / 'pre_SAM_mask' / name
        info = {
            'clip_id': f'{name}@{task.start}',
            'frame_paths': list(task.frame_paths),
            'mask_paths': [
                self.tree.mask_path(name, k) if k in row['annotated'] else None for k in numbers
            ],
            'mask_coding': 'index' if self.semantic else 'binary',
            'maskige_paths': [str(maskiges / f'{k}{MASKIGE_SUFFIX}') for k in numbers],
            'audio_path': task.wav_path,
            'log_mel_path': None,
            'csv_row': None,
            'subset': self.subset,
            'split': self.split,
            'csv_path': str(self.tree.videos),
        }
        return info | ({'num_classes': len(self._metainfo['classes'])} if self.semantic else {})

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
