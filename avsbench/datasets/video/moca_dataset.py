"""MoCA's filtered set: moving camouflaged animals (Yang et al., arXiv 2104.07658)."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence

from avsbench.datasets.clip_info import BoxClipInfo
from avsbench.datasets.moca_annotations import MoCAAnnotation, read_moca_annotations
from avsbench.datasets.video.listing import file_names, folder_names, stem
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.datasets.video.windows import Window
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError, DataError, nearest


@DATASETS.register_module()
class MoCADataset(VideoDataset):
    """Videos to test on, annotated with boxes; frames that have a box are the centres.

    Reads `JPEGImages/<video>/00000.jpg` and `annotations.csv`. The videos are those of
    `val_seqs.txt`, or else all folders of `JPEGImages`. It is the set that Motion Grouping's
    authors made of MoCA: frames without logos, 1280 x 720, renumbered.

    Args:
        data_root: See `VideoDataset`.
        split: Only 'val'.
        num_frames: See `VideoDataset`.
        pipeline: See `VideoDataset`.
        ann_file: See `VideoDataset`.
        check: See `VideoDataset`.
        test_mode: Only True.
        indices: See `VideoDataset`.
    """

    METAINFO = VideoDataset.METAINFO | {'result_layout': 'moca'}
    subset = 'moca'
    splits = ('val',)
    mask_coding = None

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        num_frames: int = VideoDataset.clip_frames,
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        if not test_mode:
            raise ConfigError(
                'MoCADataset: it has boxes and no masks, so that nothing can be trained on it; set '
                'test_mode=True'
            )
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

    @functools.cached_property
    def annotations(self) -> dict[str, dict[str, MoCAAnnotation]]:
        """Of each video, annotations by the frame's name without suffix."""
        return read_moca_annotations(self._csv)

    @property
    def _csv(self) -> str:
        return os.path.join(self.data_root, 'annotations.csv')

    def derive_names(self) -> tuple[list[str], str]:
        """All videos, in alphabetical order."""
        folder = os.path.join(self.data_root, 'JPEGImages')
        return folder_names(folder), folder

    def load_videos(self) -> list[Video]:
        """See `VideoDataset.load_videos`; each needs a box."""
        videos = super().load_videos()
        for video in videos:
            if video.name not in self.annotations:
                raise DataError(
                    f'{self._csv}: no box in any row of video {video.name!r} of {self.ann_file}'
                    f'{nearest(video.name, self.annotations)}; take it out of the list or of '
                    'JPEGImages'
                )
        return videos

    def find_video(self, name: str) -> Video:
        """See `VideoDataset.find_video`."""
        folder = os.path.join(self.data_root, 'JPEGImages', name)
        files = file_names(folder, '.jpg')
        frames = {stem(file) for file in files}
        boxes = self.annotations.get(name, {})
        return Video(
            name,
            folder,
            [os.path.join(folder, file) for file in files],
            [None] * len(files),
            missing=[os.path.join(folder, f'{name}.jpg') for name in sorted(boxes.keys() - frames)],
        )

    def centres(self, video: Video) -> Iterable[int]:
        """Positions of the frames that have a box."""
        boxes = self.annotations[video.name]
        return (index for index, path in enumerate(video.frame_paths) if stem(path) in boxes)

    def clip_info(self, video: Video, window: Window) -> BoxClipInfo:
        """See `VideoDataset.clip_info`; with the boxes."""
        boxes = self.annotations[video.name]
        found = [boxes.get(stem(video.frame_paths[index])) for index in window.frame_idx]
        return BoxClipInfo(
            **super().clip_info(video, window),
            gt_boxes=[frame and frame.box for frame in found],
            motions=[None if frame is None else frame.motion for frame in found],
        )

    def summary(self) -> dict:
        """See `VideoDataset.summary`; each frame with a box is an item."""
        return super().summary() | {'annotated_frames': len(self)}
