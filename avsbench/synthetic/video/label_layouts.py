"""Data sets with a class for each pixel, some of which only motion tells apart: A2D and VSPW."""

import io
import json

import numpy as np
from PIL import Image

from avsbench.layouts.avss_classes import palette
from avsbench.synthetic.tree import encode_image
from avsbench.synthetic.video.layout import FileContents, MaskedLayout, encode_csv
from avsbench.utils.extras import OptionalModule

h5py = OptionalModule('h5py', "writing A2D's labels")

# A2D: the look tells the actor (adult, bird, cat, dog), the step the action (none, rolling,
# walking).
ACTOR_OF_KIND = {1: 1, 3: 4, 5: 6, 6: 7}
ACTION_OF_STEP = {0: 9, 1: 6, -1: 8}

# VSPW: two looks whose class depends on whether they move, and two for which it is the direction.
STILL_OR_MOVING = {1: ('sculpture', 'person'), 4: ('box', 'ball')}
EITHER_WAY = {6: ('fan', 'clock'), 3: ('windmill', 'wheeled_machine')}
NUMBERS = {
    **{'wall': 1, 'floor': 14, 'windmill': 26, 'sculpture': 42, 'wheeled_machine': 54},
    **{'person': 61, 'ball': 75, 'box': 77, 'fan': 103, 'clock': 110},
}
OTHERS, VOID = 0, 255


def vspw_class(kind: int, step: int) -> str:
    """Name of the class of an object."""
    if kind in STILL_OR_MOVING:
        return STILL_OR_MOVING[kind][abs(step)]
    return EITHER_WAY[kind][step < 0]


class A2DLayout(MaskedLayout):
    """A2D: frames as its users extract them, and labels as MATLAB 7.3 files, which are HDF5.

    There are no mp4 files, which nothing reads, and no labels in colours.
    """

    folder = 'A2D'
    top_level = ('Release', 'frames', 'color_map.txt')

    def frame(self, video: str, t: int) -> str:
        """Numbered from 1, five digits."""
        return f'frames/{video}/{t + 1:05d}.png'

    def mask(self, video: str, t: int) -> str:
        """Numbered from 1, five digits."""
        return f'Release/Annotations/mat/{video}/{t + 1:05d}.mat'

    def annotated(self, split: str, frames: int) -> list[int]:
        """Three frames with all places, far enough from both ends that six surround each."""
        return [3, 4, 5]

    def values(self, kinds: np.ndarray, steps: np.ndarray, marked: np.ndarray) -> list[int]:
        """Ten times the actor plus the action."""
        pairs = zip(kinds.tolist(), steps.tolist(), strict=True)
        return [10 * ACTOR_OF_KIND[kind] + ACTION_OF_STEP[step] for kind, step in pairs]

    def encode_mask(self, values: np.ndarray) -> bytes:
        """float64, columns first, behind the header of a MATLAB file."""
        buffer = io.BytesIO()
        with h5py.File(buffer, 'w', userblock_size=512, track_order=False) as file:
            label = file.create_dataset(
                'reS_id', data=values.T.astype(np.float64), compression='gzip'
            )
            label.attrs['MATLAB_class'] = np.bytes_('double')
        header = b'MATLAB 7.3 MAT-file, synthetic'.ljust(124) + b'\x00\x02IM'
        return header.ljust(512, b'\0') + buffer.getvalue()[512:]

    def libraries(self) -> dict[str, str]:
        """See `MaskedLayout.libraries`."""
        return {'h5py': h5py.version.version, 'hdf5': h5py.version.hdf5_version}

    def index(self, videos: list[dict], size: int) -> FileContents:
        """The csv of videos, and the table of colours."""
        rows = []
        for video in videos:
            counts = (size, size, len(video['states']), len(video['annotated']))
            usage = int(video['split'] == 'test')
            rows.append((video['name'], video['values'][0], '0:00', '0:01', *counts, usage))
        yield 'Release/videoset.csv', encode_csv(rows)
        # Only here: the package imports torch, which every worker would pay for.
        from avsbench.datasets.video.a2d_classes import CLASSES

        valid = {10 * a + b for a in ACTOR_OF_KIND.values() for b in ACTION_OF_STEP.values()}
        lines = ['NAME ID VALID R G B']
        for index, colour in enumerate(palette(len(CLASSES)).tolist()):
            known = int(index == 0 or index in valid)
            lines.append(' '.join(map(str, (CLASSES[index], index, known, *colour))))
        yield 'color_map.txt', ('\n'.join(lines) + '\n').encode()


class VSPWLayout(MaskedLayout):
    """VSPW_480p: numbers of frames begin anywhere and jump; `test` has no labels."""

    folder = 'VSPW_480p'
    top_level = ('train.txt', 'val.txt', 'test.txt', 'label_num_dic_final.json', 'data')
    ground = (NUMBERS['wall'], NUMBERS['floor'], OTHERS, VOID)

    def frame(self, video: str, t: int) -> str:
        """Eight digits, from 11, with a gap after each third."""
        return f'data/{video}/origin/{self._number(t):08d}.jpg'

    def mask(self, video: str, t: int) -> str:
        """Beside the frames."""
        return f'data/{video}/mask/{self._number(t):08d}.png'

    def annotated(self, split: str, frames: int) -> list[int]:
        """All, but for the split `test`."""
        return [] if split == 'test' else list(range(frames))

    def values(self, kinds: np.ndarray, steps: np.ndarray, marked: np.ndarray) -> list[int]:
        """Numbers of the classes."""
        pairs = zip(kinds.tolist(), steps.tolist(), strict=True)
        return [NUMBERS[vspw_class(kind, step)] for kind, step in pairs]

    def encode_mask(self, values: np.ndarray) -> bytes:
        """One channel, the number of the class."""
        return encode_image(Image.fromarray(values), format='PNG')

    def index(self, videos: list[dict], size: int) -> FileContents:
        """Lists of videos, and the numbers of all classes."""
        # Only here: the package imports torch, which every worker would pay for.
        from avsbench.datasets.video.vspw_classes import CLASSES

        for split in ('train', 'val', 'test'):
            names = [f'{video["name"]}\n' for video in videos if video['split'] == split]
            yield f'{split}.txt', ''.join(names).encode()
        numbers = {'others': '0'} | {name: str(n) for n, name in enumerate(CLASSES, 1)}
        yield 'label_num_dic_final.json', (json.dumps(numbers) + '\n').encode()

    @staticmethod
    def _number(t: int) -> int:
        return 11 + t + 2 * (t // 3)
