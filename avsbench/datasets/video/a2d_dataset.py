"""A2D: actors and actions, a few labelled frames per video (Xu et al., CVPR 2015)."""

import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from avsbench.datasets.clip_info import VideoClipInfo
from avsbench.datasets.validation import ChecksFiles
from avsbench.datasets.video.a2d_classes import CLASSES, NUM_CLASSES
from avsbench.datasets.video.a2d_index import A2DVideo, read_videoset
from avsbench.datasets.video.listing import file_names, stem
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.datasets.video.windows import END_RULES, Window, annotated_window
from avsbench.layouts.avss_classes import palette
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError, examples


@DATASETS.register_module()
class A2DDataset(VideoDataset):
    """Windows around the labelled frames, 80 classes.

    Reads the videos of `Release/videoset.csv`: their frames `frames/<id>/00001.png`, which the user
    makes, every one of a clip, and labels `Release/Annotations/mat/<id>/00001.mat`. It needs h5py.

    To train on, each video is one item, for which one of its labelled frames is drawn each time
    (with numpy); to test on, each labelled frame is one.

    Args:
        data_root: Folder that holds `Release` and `frames`.
        split: 'train' or 'test'.
        end_rule: What happens near the end of a video. 'last_frames': the window is made of its
            last frames. 'published': the window is cut off before the labelled frame, with which
            the published network fails; it is refused if a video has a label there.
        num_frames: See `VideoDataset`.
        pipeline: See `VideoDataset`.
        ann_file: The csv, relative to `data_root`; None for the published name.
        check: See `VideoDataset`.
        test_mode: See `VideoDataset`.
        indices: See `VideoDataset`.
    """

    METAINFO = VideoDataset.METAINFO | {
        'classes': CLASSES,
        'palette': palette(NUM_CLASSES).tolist(),
        'result_layout': 'a2d',
    }
    subset = 'a2d'
    splits = ('train', 'test')
    list_file = os.path.join('Release', 'videoset.csv')
    mask_coding = 'a2d_mat'
    centre_only = True

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        end_rule: str = 'last_frames',
        num_frames: int = VideoDataset.clip_frames,
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        self.end_rule = check_choice('A2DDataset: end_rule', end_rule, END_RULES)
        self.rows: dict[str, A2DVideo] = {}
        super().__init__(
            data_root,
            split,
            num_frames=num_frames,
            pipeline=pipeline,
            ann_file=ann_file,
            check=check,
            test_mode=test_mode,
            indices=indices,
        )

    @staticmethod
    def window_around(total: int, frame: int, length: int) -> Window:
        """See `VideoDataset.window_around`; this one does not leave the video."""
        return annotated_window(total, frame, length, 'last_frames')

    @property
    def num_classes(self) -> int:
        """K, with the background."""
        return NUM_CLASSES

    def read_list(self) -> list[str]:
        """See `VideoDataset.read_list`; the videos of the split."""
        rows = [row for row in read_videoset(self.ann_file) if row.test == (self.split == 'test')]
        if not rows:
            raise DataError(f'{self.ann_file}: no row has the usage of split {self.split!r}')
        self.rows = {row.name: row for row in rows}
        return [row.name for row in rows]

    def find_video(self, name: str) -> Video:
        """See `VideoDataset.find_video`; frames are as many as the csv says."""
        folder, labels = self._frames(name), self._labels(name)
        total = self.rows[name].num_frames
        masks: list[str | None] = [None] * total
        for file in file_names(labels, '.mat'):
            number = int(stem(file)) if stem(file).isdecimal() else 0
            if not 0 < number <= total:
                raise DataError(
                    f'{os.path.join(labels, file)}: a label of a frame from 1 to {total} is '
                    f'expected, the number of frames in {self.ann_file}'
                )
            masks[number - 1] = os.path.join(labels, file)
        if not any(masks):
            raise DataError(
                f'{labels}: no labels, *.mat, of a video that {self.ann_file} lists. Unpack '
                'A2D_main_1_0 again'
            )
        frames = [os.path.join(folder, f'{number:05d}.png') for number in range(1, total + 1)]
        return Video(name, folder, frames, masks, csv_row=self.rows[name].csv_row)

    def windows(self, video: Video) -> Iterable[Window]:
        """See `VideoDataset.windows`; one for each labelled frame."""
        total = len(video.frame_paths)
        labelled = [index for index, path in enumerate(video.mask_paths) if path is not None]
        windows = [
            annotated_window(total, index, self.num_frames, self.end_rule) for index in labelled
        ]
        unusable = [
            str(window.centre + 1)
            for window in windows
            if len(window.frame_idx) < self.num_frames or window.frame_idx[-1] >= total
        ]
        if unusable:
            raise ConfigError(
                f"A2DDataset: end_rule='published': the clip around frame {examples(unusable)} of "
                f'video {video.name!r}, which has {total} frames, would lack frames; the published '
                "network fails there. Set end_rule='last_frames'"
            )
        return windows

    def items(self, video: Video) -> Iterable[Sequence[Window]]:
        """See `VideoDataset.items`; a training has one for all labelled frames."""
        return super().items(video) if self.test_mode else [list(self.windows(video))]

    def clip_info(self, video: Video, window: Window) -> VideoClipInfo:
        """See `VideoDataset.clip_info`; only the label that the window is for is read."""
        info = super().clip_info(video, window)
        masks: list[str | None] = [None] * len(window.frame_idx)
        masks[window.kept[0]] = video.mask_paths[window.centre]
        return info | {'mask_paths': masks}

    def prepare_data(self, idx: int) -> dict:
        """Draw one of an item's windows, and pass it through the pipeline; mmengine calls it."""
        choices = self.choices(idx)
        drawn = choices[np.random.randint(len(choices))] if len(choices) > 1 else choices[0]
        return self.pipeline(drawn)

    def check_clip(
        self, info: VideoClipInfo, *, steps: Sequence[ChecksFiles], full: bool
    ) -> ClipCheck:
        """See `VideoDataset.check_clip`; frames and labels are as many as the csv says."""
        found = super().check_clip(info, steps=steps, full=full)
        row = self.rows[info['video']]
        frames, labels = self._frames(row.name), self._labels(row.name)
        count = len(file_names(frames, '.png'))
        if count != row.num_frames:
            # A missing frame shows here, and one too many means that others are off their place.
            what = f'{frames}: {count} frames, {self.ann_file} says {row.num_frames}'
            faults = [fault for fault in found.faults if fault.kind != 'missing file']
            found.faults = [*faults, BrokenFileError(what, 'extracted frames')]
        count = len(file_names(labels, '.mat'))
        if count != row.num_annotated:
            what = f'{labels}: {count} labels, {self.ann_file} says {row.num_annotated}'
            found.faults.append(BrokenFileError(what, 'label count'))
        return found

    def _frames(self, name: str) -> str:
        return os.path.join(self.data_root, 'frames', name)

    def _labels(self, name: str) -> str:
        return os.path.join(self.data_root, 'Release', 'Annotations', 'mat', name)
