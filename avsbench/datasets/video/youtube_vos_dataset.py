"""YouTube-VOS 2019, the part for training (Xu et al., arXiv 1809.03327)."""

import os

from avsbench.datasets.video.davis_dataset import DAVISDataset
from avsbench.datasets.video.listing import file_names, folder_names, stem
from avsbench.datasets.video.video_dataset import Video, VideoDataset
from avsbench.registry import DATASETS


@DATASETS.register_module()
class YouTubeVOSDataset(VideoDataset):
    """Videos to train on; any of their objects is foreground.

    Reads `train/JPEGImages/<video>/00000.jpg` and `train/Annotations/<video>/00000.png`, a palette
    image. The frames of a video are the annotated ones, in the official part every fifth, and every
    sixth of these is the centre of a window. Without `<split>_seqs.txt` all folders of the
    annotations are read.

    Arguments are those of `VideoDataset`.
    """

    METAINFO = DAVISDataset.METAINFO  # the two are joined for a training
    subset = 'youtube_vos'
    splits = ('train',)
    centre_step = 6

    def derive_names(self) -> tuple[list[str], str]:
        """All videos, in alphabetical order."""
        folder = os.path.join(self.data_root, self.split, 'Annotations')
        return folder_names(folder), folder

    def find_video(self, name: str) -> Video:
        """See `VideoDataset.find_video`; the annotations say which frames there are."""
        frames, masks = (
            os.path.join(self.data_root, self.split, kind, name)
            for kind in ('JPEGImages', 'Annotations')
        )
        files = file_names(masks, '.png')
        return Video(
            name,
            masks,
            [os.path.join(frames, f'{stem(file)}.jpg') for file in files],
            [os.path.join(masks, file) for file in files],
        )
