"""DAVIS 2016: one foreground in high quality (Perazzi et al., CVPR 2016)."""

import os
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import NoReturn

from avsbench.datasets.clip_info import VideoClipInfo
from avsbench.datasets.validation import ChecksFiles
from avsbench.datasets.video.listing import file_names, read_lines, stem
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.media.faults import BrokenFileError, ClipCheck, absent
from avsbench.registry import DATASETS
from avsbench.utils.errors import DataError

DAVIS_2017_VIDEOS = 30  # of its split val
_FRAMES, _MASKS = 'JPEGImages/480p', 'Annotations/480p'


@DATASETS.register_module()
class DAVISDataset(VideoDataset):
    """Every frame of a video is annotated, and every one is the centre of a window.

    Reads `JPEGImages/480p/<video>/00000.jpg` and `Annotations/480p/<video>/00000.png`, any value
    but 0 being foreground. The videos are those of `<split>_seqs.txt`, one per line, or else of the
    official index `ImageSets/480p/<split>.txt`. Frames after the last annotated one are left out.

    Arguments are those of `VideoDataset`.
    """

    METAINFO = VideoDataset.METAINFO | {'result_layout': 'avos'}
    subset = 'davis'
    splits = ('train', 'val')
    _listed: Mapping[str, Set[str]] = MappingProxyType({})  # frames of videos, by the index

    def load_videos(self) -> list[Video]:
        """See `VideoDataset.load_videos`; the videos of DAVIS 2017 are refused."""
        videos = super().load_videos()
        if self.split == 'val' and len(videos) == DAVIS_2017_VIDEOS:
            self._refuse_2017(self.ann_file)
        return videos

    def derive_names(self) -> tuple[list[str], str]:
        """From the official index, which lists frame and mask of every frame."""
        index = os.path.join(self.data_root, 'ImageSets', '480p', f'{self.split}.txt')
        if not os.path.isfile(index):
            newer = os.path.join(self.data_root, 'ImageSets', '2017')
            if os.path.isdir(newer):
                self._refuse_2017(newer)
        listed: dict[str, set[str]] = {}
        for line in read_lines(index):
            parts = line.split()[0].strip('/').split('/')
            if len(parts) != 4:
                raise DataError(
                    f'{index}: {line!r}, expected lines such as '
                    f'/{_FRAMES}/bear/00000.jpg /{_MASKS}/bear/00000.png'
                )
            listed.setdefault(parts[2], set()).add(stem(parts[3]))
        self._listed = listed
        return list(listed), index

    def find_video(self, name: str) -> Video:
        """See `VideoDataset.find_video`; annotations and index say which frames there are."""
        folder = os.path.join(self.data_root, _FRAMES, name)
        masks = os.path.join(self.data_root, _MASKS, name)
        found = {stem(file) for file in file_names(masks, '.png')}
        frames = sorted(found | self._listed.get(name, set()))
        return Video(
            name,
            masks,
            [os.path.join(folder, f'{frame}.jpg') for frame in frames],
            [os.path.join(masks, f'{frame}.png') for frame in frames],
        )

    def check_clip(
        self, info: VideoClipInfo, *, steps: Sequence[ChecksFiles], full: bool
    ) -> ClipCheck:
        """See `VideoDataset.check_clip`; frames among the annotated ones need a mask too."""
        found = super().check_clip(info, steps=steps, full=full)
        frames, masks = (os.path.dirname(info[key][0]) for key in ('frame_paths', 'mask_paths'))
        annotated = {stem(path) for path in file_names(masks, '.png')}
        for name in map(stem, file_names(frames, '.jpg')):
            if name not in annotated and name < max(annotated):
                path = os.path.join(masks, f'{name}.png')
                found.faults.append(BrokenFileError(absent(path), 'missing file'))
        return found

    def _refuse_2017(self, source: str) -> NoReturn:
        raise DataError(
            f'{source}: this is DAVIS 2017, whose videos and masks of several objects are those of '
            'another task. Download "DAVIS 2016: TrainVal - Images and Annotations (480p)" from '
            'davischallenge.org'
        )
