"""VSPW: a class for every pixel of a video (Miao et al., CVPR 2021)."""

import os
from collections.abc import Callable, Iterable, Sequence

from avsbench.datasets.video.listing import file_names, stem
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.datasets.video.vspw_classes import CLASSES, class_colours, read_classes
from avsbench.datasets.video.windows import Window, disjoint_windows
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_choice

WINDOWS = ('centre', 'disjoint')


@DATASETS.register_module()
class VSPWDataset(VideoDataset):
    """Videos with a label for every frame; the numbers of their frames may begin and jump anyhow.

    Reads the videos of `<split>.txt`: `data/<video>/origin/00000001.jpg` and
    `data/<video>/mask/00000001.png`. Of a label, 1 to K become class indices from 0, 0 (others) and
    255 become 255, which no loss or metric counts. The classes are those of
    `label_num_dic_final.json`, without it the published 124. The split `test` may lack labels.

    Args:
        data_root: See `VideoDataset`.
        split: See `VideoDataset`.
        windows: To test on, which windows there are. 'centre': one for every frame. 'disjoint': one
            after the other, so that every frame is predicted once but fewer windows are needed.
        num_frames: See `VideoDataset`.
        centre_step: See `VideoDataset`.
        pipeline: See `VideoDataset`.
        ann_file: See `VideoDataset`.
        check: See `VideoDataset`.
        test_mode: See `VideoDataset`.
        indices: See `VideoDataset`.
    """

    METAINFO = VideoDataset.METAINFO | {
        'classes': CLASSES,
        'palette': class_colours(len(CLASSES)),
        'background': False,  # each pixel has a class
    }
    subset = 'vspw'
    splits = ('train', 'val', 'test')
    list_file = '{split}.txt'
    mask_coding = 'vspw'

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        windows: str = 'centre',
        num_frames: int = VideoDataset.clip_frames,
        centre_step: int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        self.test_windows = check_choice('VSPWDataset: windows', windows, WINDOWS)
        classes = read_classes(os.path.join(data_root, 'label_num_dic_final.json'))
        super().__init__(
            data_root,
            split,
            num_frames=num_frames,
            centre_step=centre_step,
            pipeline=pipeline,
            ann_file=ann_file,
            check=check,
            metainfo={'classes': classes, 'palette': class_colours(len(classes))},
            test_mode=test_mode,
            indices=indices,
        )

    @property
    def num_classes(self) -> int:
        """K, without others."""
        return len(self._metainfo['classes'])

    def find_video(self, name: str) -> Video:
        """See `VideoDataset.find_video`."""
        folder, labels = (
            os.path.join(self.data_root, 'data', name, kind) for kind in ('origin', 'mask')
        )
        frames, masks = file_names(folder, '.jpg'), file_names(labels, '.png')
        names, labelled = {stem(file) for file in frames}, {stem(file) for file in masks}
        needed = labelled if self.split == 'test' else names
        return Video(
            name,
            folder,
            [os.path.join(folder, file) for file in frames],
            [
                os.path.join(labels, f'{stem(file)}.png') if stem(file) in needed else None
                for file in frames
            ],
            missing=[os.path.join(folder, f'{name}.jpg') for name in sorted(labelled - names)],
        )

    def windows(self, video: Video) -> Iterable[Window]:
        """See `VideoDataset.windows`."""
        if self.test_mode and self.test_windows == 'disjoint':
            return disjoint_windows(len(video.frame_paths), self.num_frames)
        return super().windows(video)
