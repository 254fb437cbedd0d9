"""Where each data set keeps its files, and how it codes its masks."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from avsbench.synthetic.tree import encode_image

FileContents = Iterable[tuple[str, bytes]]


class VideoLayout:
    """The files of a data set of videos.

    `video` is the name of a video below, `t` a position from 0 among its frames.

    Attributes:
        folder: Of the data set, in the output folder.
        top_level: Entries of that folder that the data set has.
        ground: What masks hold for the labels -1, -2, -3, -4: parts of the background.
    """

    folder: str
    top_level: tuple[str, ...]
    ground = (0, 0, 0, 0)

    def video(self, split: str, scene: int, number: int, versions: int) -> str:
        """Name of a video.

        Args:
            split: A split of the subset.
            scene: Number of the scene in the split.
            number: Which version of the scene.
            versions: How many versions with one set of steps the scene has.
        """
        return f'{split}_{scene:04d}_{number:02d}'

    def frame(self, video: str, t: int) -> str:
        """Path of a frame; the suffix decides the format."""
        raise NotImplementedError

    def mask(self, video: str, t: int) -> str:
        """Path of a frame's mask; only asked for annotated frames."""
        raise NotImplementedError

    def annotated(self, split: str, frames: int) -> list[int]:
        """Positions of the annotated frames of a video."""
        return list(range(frames))

    def values(self, kinds: np.ndarray, steps: np.ndarray, marked: np.ndarray) -> list[int]:
        """What masks hold for each of the N objects.

        Args:
            kinds: (N,) looks.
            steps: (N,) 0, 1 or -1.
            marked: (N,) bool.
        """
        return marked.astype(int).tolist()

    def encode_mask(self, values: np.ndarray) -> bytes:
        """The file of a mask (H, W) uint8."""
        raise NotImplementedError

    def index(self, videos: list[dict]) -> FileContents:
        """The files that list the videos, from the entries of truth.json."""
        raise NotImplementedError


class DAVISLayout(VideoLayout):
    """DAVIS 2016, `DAVIS 2016 TrainVal 480p`."""

    folder = 'DAVIS'
    top_level = ('JPEGImages', 'Annotations', 'ImageSets')

    def frame(self, video: str, t: int) -> str:
        """Numbered from 0, five digits."""
        return f'JPEGImages/480p/{video}/{t:05d}.jpg'

    def mask(self, video: str, t: int) -> str:
        """Beside the frames."""
        return f'Annotations/480p/{video}/{t:05d}.png'

    def encode_mask(self, values: np.ndarray) -> bytes:
        """0 and 255."""
        return encode_image(Image.fromarray(values * np.uint8(255)), format='PNG')

    def index(self, videos: list[dict]) -> FileContents:
        """The official lists: a line for each frame, with its mask."""
        for split in ('train', 'val'):
            chosen = [video for video in videos if video['split'] == split]
            lines = [
                f'/{self.frame(video["name"], t)} /{self.mask(video["name"], t)} \n'
                for video in chosen
                for t in range(len(video['states']))
            ]
            yield f'ImageSets/480p/{split}.txt', ''.join(lines).encode()


class MoCALayout(VideoLayout):
    """MoCA as Motion Grouping filtered it; boxes instead of masks.

    Videos whose object goes round one way are called locomotion, the others deformation, so that
    both words occur.
    """

    folder = 'MoCA_filtered2'
    top_level = ('JPEGImages', 'annotations.csv')

    def frame(self, video: str, t: int) -> str:
        """Numbered from 0, five digits."""
        return f'JPEGImages/{video}/{t:05d}.jpg'

    def annotated(self, split: str, frames: int) -> list[int]:
        """No frame has a mask."""
        return []

    def index(self, videos: list[dict]) -> FileContents:
        """The csv of boxes; every second frame leaves the motion to the row before, as `{}`."""
        rows = []
        for video in videos:
            motion = '0' if max(video['steps']) > 0 else '1'
            for t, boxes in enumerate(video['boxes']):
                (box,) = (boxes[n] for n in video['marked'])
                coordinates = '[2,' + ','.join(map(str, box)) + ']'
                metadata = f"{{'1': '{motion}'}}" if t % 2 == 0 else '{}'
                file = f'/{video["name"]}/{t:05d}.jpg'
                rows.append((len(rows), file, coordinates, metadata))
        header = ('', 'file_list', 'spatial_coordinates', 'metadata')
        yield 'annotations.csv', encode_csv([header, *rows])


def encode_csv(rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as csv, with quotes where needed."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator='\n').writerows(rows)
    return buffer.getvalue().encode()


LAYOUTS: dict[str, VideoLayout] = {
    'davis': DAVISLayout(),
    'moca': MoCALayout(),
}
