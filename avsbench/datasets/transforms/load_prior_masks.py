"""Reads the masks that an earlier stage has predicted."""

from pathlib import Path, PurePosixPath

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import ClipInfo, ClipResults
from avsbench.datasets.transforms.mask_reader import MaskReader
from avsbench.media.faults import BrokenFileError, ClipCheck, absent
from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError

FIELDS = ('clip_id', 'video', 'frame')


@TRANSFORMS.register_module()
class LoadPriorMasks(BaseTransform):
    """Read what the network of an earlier stage has predicted for the frames of a clip.

    For second stages, whose head or backbone has 'prior_masks' among its `needs`. The masks are
    those that `test.sh --save-masks` writes. Transforms that come later move them with the frames,
    and resize them by nearest neighbour.

    Needs `img_shape`. Adds `prior_masks` (T, H, W) uint8: 0 and 1, or class indices.

    Place it directly behind `LoadClip`.

    Args:
        folder: Folder of the masks.
        name: Path of a mask below it, with the fields `clip_id`, `video` (of data sets of videos)
            and `frame`, the frame's file name without its suffix. The default is that of
            AVSBench's masks.

    Raises:
        ConfigError: There is no such folder, or the name has other fields.
    """

    def __init__(self, folder: str, name: str = '{clip_id}/{frame}.png') -> None:
        if not Path(folder).is_dir():
            raise ConfigError(
                f'LoadPriorMasks: no folder {folder!r}; save the masks of the earlier stage there, '
                'with `bash test.sh SUBSET CONFIG CHECKPOINT --save-masks DIR`, for each split'
            )
        try:
            name.format(**dict.fromkeys(FIELDS, ''))
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(
                f'LoadPriorMasks: name={name!r}: {error} is no field, expected '
                f'{", ".join("{" + field + "}" for field in FIELDS)}'
            ) from error
        self.folder = Path(folder)
        self.name = name
        self._reader = MaskReader('error', 'error', 'LoadPriorMasks')

    def transform(self, results: ClipResults) -> ClipResults:
        """Add `prior_masks`; a `BrokenFileError` names the mask that can't be used."""
        if tuple(results.get('img_shape', ())) != tuple(results.get('ori_shape', (0,))):
            raise ConfigError('LoadPriorMasks: must come directly behind LoadClip in the pipeline')
        masks = [self._read(path, results) for path in self._paths(results)]
        results['prior_masks'] = np.stack(masks)
        return results

    def check(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """See `avsbench.datasets.validation.ChecksFiles`."""
        size = found.first_image and found.first_image[1]
        for path in self._paths(info):
            if full and size is not None:
                found.attempt(self._read, path, {**info, 'ori_shape': size})
            else:
                found.attempt(_check_there, path)

    def _paths(self, info: ClipInfo) -> list[Path]:
        names = {'clip_id': info['clip_id'], 'video': info.get('video', '')}
        return [
            self.folder / PurePosixPath(self.name.format(**names, frame=Path(frame).stem))
            for frame in info['frame_paths']
        ]

    def _read(self, path: Path, info: ClipResults) -> np.ndarray:
        """A mask (H, W) uint8 of the size of the frames."""
        _check_there(path)
        classes = info['num_classes']
        coding = 'binary' if classes is None else 'index'
        try:
            mask = self._reader.read(str(path), coding, classes)
        except BrokenFileError as error:
            raise BrokenFileError(error.what, 'broken prior mask') from error
        if mask.shape != tuple(info['ori_shape']):
            have, want = (
                f'{width} x {height}' for height, width in (mask.shape, info['ori_shape'])
            )
            raise BrokenFileError(
                f'{path}: {have} pixels, but its frame has {want}', 'broken prior mask'
            )
        return mask


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise BrokenFileError(absent(path), 'missing prior mask')
