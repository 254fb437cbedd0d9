"""YouTube-Objects (Prest et al., CVPR 2012) with the masks of Jain and Grauman (ECCV 2014)."""

import os
import re
from collections.abc import Iterable
from glob import glob

from avsbench.datasets.video.listing import file_names, stem
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.registry import DATASETS
from avsbench.utils.errors import DataError

_FRAMES, _MASKS = 'frames', 'youtube_masks'


@DATASETS.register_module()
class YouTubeObjectsDataset(VideoDataset):
    """Shots of ten classes; about one frame in ten has a mask, and these are the centres.

    Reads `frames/<class>/data/<sequence>/shots/<shot>/frame0001.jpg` and the mask
    `youtube_masks/<class>/data/<sequence>/shots/<shot>/labels/00001.jpg` of that number, grey of 80
    and above being foreground. A video's name is `<class>/data/<sequence>/shots/<shot>`.

    The shots are those of `val_seqs.txt`, in whose lines `frames/` precedes the name, or else all
    that have masks and frames. A shot without masks has no item.

    Arguments are those of `VideoDataset`.
    """

    METAINFO = VideoDataset.METAINFO | {'result_layout': 'avos'}
    subset = 'youtube_objects'
    splits = ('val',)
    mask_coding = 'grey80'

    def read_list(self) -> list[str]:
        """See `VideoDataset.read_list`; `frames/` is taken off."""
        names = super().read_list()
        for name in names:
            if not name.startswith(f'{_FRAMES}/'):
                raise DataError(
                    f'{self.ann_file}: {name!r}, expected lines such as '
                    f'{_FRAMES}/aeroplane/data/0001/shots/001'
                )
        return [name.partition('/')[2].rstrip('/') for name in names]

    def derive_names(self) -> tuple[list[str], str]:
        """All shots with a mask and a folder of frames, in alphabetical order."""
        root = os.path.join(self.data_root, _MASKS)
        folders = glob('*/data/*/shots/*/labels', root_dir=root)
        names = (
            os.path.dirname(folder)
            for folder in sorted(folders)
            if file_names(os.path.join(root, folder), '.jpg')
        )
        found = [name for name in names if os.path.isdir(self._folder(_FRAMES, name))]
        if not found:
            raise DataError(
                f'{root}: no folder <class>/data/<sequence>/shots/<shot>/labels with masks that '
                f'has its frames in {_FRAMES}/<class>/data/<sequence>/shots/<shot>. Unpack both '
                'downloads again, or correct data_root'
            )
        return found, root

    def find_video(self, name: str) -> Video:
        """See `VideoDataset.find_video`."""
        folder, labels = self._folder(_FRAMES, name), self._folder(_MASKS, name, 'labels')
        frames, masks = file_names(folder, '.jpg'), file_names(labels, '.jpg')
        mask_of = {_number(mask): os.path.join(labels, mask) for mask in masks}
        numbers = [_number(frame) for frame in frames]
        return Video(
            name,
            folder,
            [os.path.join(folder, frame) for frame in frames],
            [mask_of.get(number) for number in numbers],
            missing=[
                os.path.join(folder, f'frame{number:04d}.jpg')
                for number in sorted(mask_of.keys() - set(numbers))
            ],
        )

    def centres(self, video: Video) -> Iterable[int]:
        """Positions of the frames that have a mask."""
        return (index for index, mask in enumerate(video.mask_paths) if mask is not None)

    def _folder(self, kind: str, name: str, *inside: str) -> str:
        return os.path.join(self.data_root, kind, *name.split('/'), *inside)


def _number(file: str) -> int:
    """Number of a frame: all digits of the file's name."""
    return int(re.sub(r'\D', '', stem(file)) or -1)
