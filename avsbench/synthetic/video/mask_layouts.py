"""Data sets with a mask or a box for what moves: DAVIS, YouTube-VOS, YouTube-Objects, MoCA."""

import numpy as np
from PIL import Image

from avsbench.layouts.avss_classes import palette
from avsbench.synthetic.tree import JPEG_QUALITY, encode_image, encode_json
from avsbench.synthetic.video.layout import FileContents, MaskedLayout, VideoLayout, encode_csv


class DAVISLayout(MaskedLayout):
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

    def index(self, videos: list[dict], size: int) -> FileContents:
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

    def index(self, videos: list[dict], size: int) -> FileContents:
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


class YouTubeVOSLayout(MaskedLayout):
    """YouTube-VOS 2019, train part: every fifth frame of a video, with its objects numbered."""

    folder = 'YTVOS'
    top_level = ('train',)

    def frame(self, video: str, t: int) -> str:
        """Numbered 0, 5, 10 ..., five digits."""
        return f'train/JPEGImages/{video}/{5 * t:05d}.jpg'

    def mask(self, video: str, t: int) -> str:
        """Beside the frames."""
        return f'train/Annotations/{video}/{5 * t:05d}.png'

    def values(self, kinds: np.ndarray, steps: np.ndarray, marked: np.ndarray) -> list[int]:
        """Marked objects are numbered from 1."""
        return (np.cumsum(marked) * marked).tolist()

    def encode_mask(self, values: np.ndarray) -> bytes:
        """Indices of a palette."""
        image = Image.fromarray(values, 'P')
        image.putpalette(palette().ravel().tolist())
        return encode_image(image, format='PNG')

    def index(self, videos: list[dict], size: int) -> FileContents:
        """The list of objects that comes with the set."""
        meta = {
            video['name']: {
                'objects': {
                    str(number): {
                        'category': 'object',
                        'frames': [f'{5 * t:05d}' for t in video['annotated']],
                    }
                    for number in range(1, len(video['marked']) + 1)
                }
            }
            for video in videos
        }
        yield 'train/meta.json', encode_json({'videos': meta})


class YouTubeObjectsLayout(MaskedLayout):
    """YouTube-Objects with the masks of every tenth frame.

    A scene is a class, the videos with one moving object are a sequence, and each is a shot: so all
    sequences have the same number of masks, and the metric's mean of means is the mean over frames.
    """

    folder = 'YTO'
    top_level = ('frames', 'youtube_masks')
    CATEGORIES = (
        *('aeroplane', 'bird', 'boat', 'car', 'cat', 'cow', 'dog', 'horse', 'motorbike', 'train'),
    )

    def video(self, split: str, scene: int, number: int, lines: int) -> str:
        """`<class>/data/<sequence>/shots/<shot>`, numbered from 1."""
        sequence, shot = number // lines + 1, number % lines + 1
        return f'{self.CATEGORIES[scene]}/data/{sequence:04d}/shots/{shot:03d}'

    def frame(self, video: str, t: int) -> str:
        """Numbered from 1, four digits."""
        return f'frames/{video}/frame{t + 1:04d}.jpg'

    def mask(self, video: str, t: int) -> str:
        """Numbered from 1, five digits; a JPEG."""
        return f'youtube_masks/{video}/labels/{t + 1:05d}.jpg'

    def annotated(self, split: str, frames: int) -> list[int]:
        """Every tenth frame, from the first."""
        return list(range(0, frames, 10))

    def encode_mask(self, values: np.ndarray) -> bytes:
        """0 and 255, but for what JPEG makes of it: the threshold of 80 restores the mask."""
        image = Image.fromarray(values * np.uint8(255))
        return encode_image(image, format='JPEG', quality=JPEG_QUALITY)

    def index(self, videos: list[dict], size: int) -> FileContents:
        """None: folders are the list."""
        return ()
