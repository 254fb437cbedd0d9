"""The files that a test leaves of each frame: what they show, and their names by data set.

A data set names its layout as `result_layout` of its metainfo; without one it is 'clips'.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from avsbench.evaluation.functional import levels
from avsbench.evaluation.video.a2d import BACKGROUND, frame_value
from avsbench.evaluation.video.refinement import LEVELS
from avsbench.media.images import mask_image, read_frame
from avsbench.media.scored_masks import ScoredMask, scored_chunks
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import foreground, probabilities, resize
from avsbench.visualization.overlay import MaskPainter


@dataclass(frozen=True)
class ResultLayout:
    """Names and sizes of the files of a data set.

    Attributes:
        files: Kind of image, a key of `KINDS` -> path below the folder of results, with fields of
            `FIELDS`.
        frame_size: Whether masks have the size of the frames on disk, or that of the prediction.
        annotated_only: Whether frames without annotation are left out.
        keeps_scored: Whether the masks carry what was scored, see `avsbench.media.scored_masks`.
    """

    files: Mapping[str, str]
    frame_size: bool = False
    annotated_only: bool = False
    keeps_scored: bool = False


_AVOS = {
    'mask': 'bin_mask/{video}/{frame}.png',
    'probability': LEVELS,
    'overlay': 'overlay/{video}/{frame}.png',
}
LAYOUTS = {
    'clips': ResultLayout(
        {'mask': '{clip_id}/{frame}.png', 'overlay': 'overlay/{clip_id}/{frame}.png'},
        frame_size=True,
        keeps_scored=True,
    ),
    'videos': ResultLayout(
        {'mask': '{video}/{frame}.png', 'overlay': 'overlay/{video}/{frame}.png'}
    ),
    # As MED-VT (arXiv 2304.05930) writes them: DAVIS and YouTube-Objects; MoCA; A2D.
    'avos': ResultLayout(_AVOS, annotated_only=True),
    'moca': ResultLayout(
        {'mask': '{video}/{frame}.png', 'overlay': 'overlay/{video}/{frame}.png'},
        annotated_only=True,
    ),
    'a2d': ResultLayout(
        {
            'mask': 'mask/{video}/{frame}.png',  # not published
            'color_mask': 'viz/color_mask/{video}/{frame}_{classes}_{value}.png',
            'overlay': 'viz/pred_overlay/{video}/{frame}_{classes}_{value}.png',
            'truth_overlay': 'viz/gt_overlay/{video}/{frame}_{classes}_{value}.png',
        },
        annotated_only=True,
    ),
}


class SampleResults:
    """What was predicted for a clip, as its files show it.

    Args:
        sample: With a prediction.
        layout: Of the files.
        metainfo: Of the data set: `classes`, `palette` and `background`.
    """

    def __init__(
        self, sample: AVSDataSample, layout: ResultLayout, metainfo: Mapping[str, Sequence]
    ) -> None:
        self.sample = sample
        self.layout = layout
        self.metainfo = metainfo

    def frames(self) -> list[int]:
        """Positions of the frames that have files."""
        wanted = self.sample.frame_valid
        if self.layout.annotated_only and 'gt_valid' in self.sample:
            wanted = wanted & self.sample.gt_valid
        return wanted.nonzero().flatten().tolist()

    def path(self, kind: str, index: int) -> str:
        """Path of an image of one frame, below the folder of results."""
        template = self.layout.files[kind]
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
        return template.format(**{name: FIELDS[name](self, index) for name in names})

    @cached_property
    def size(self) -> tuple[int, int]:
        """(H, W) of the masks."""
        shape = self.sample.ori_shape if self.layout.frame_size else self.sample.pred_masks.shape
        return tuple(shape[-2:])

    @cached_property
    def masks(self) -> np.ndarray:
        """(T', H, W) uint8: 0 and 1, or class indices."""
        return self.sample.masks_at(self.size).cpu().numpy()

    @cached_property
    def masks_of_frames(self) -> np.ndarray:
        """The same at the size of the frames on disk."""
        return self.sample.masks_at(tuple(self.sample.ori_shape)).cpu().numpy()

    def chunks(self, index: int, count_padded: bool) -> PngInfo:
        """What was scored of a frame, for the PNG of its mask.

        Args:
            index: Which frame.
            count_padded: Whether frames that only fill up a clip were scored as well.
        """
        if self.sample.num_classes > 1:
            mask, found = self.sample.pred_masks[index].cpu().numpy(), None
        else:
            field = 'seg_logits' if 'seg_logits' in self.sample else 'seg_probs'
            maps = self.sample.get(field)[index : index + 1].float()
            probability = (probabilities(maps) if field == 'seg_logits' else maps)[0, 0]
            mask, found = foreground(probability).cpu().numpy(), levels(probability).cpu().numpy()
        scored = ScoredMask(mask, found, len(self.sample.frame_valid), count_padded)
        return scored_chunks(scored, self.masks[index])

    def truth(self, index: int) -> np.ndarray:
        """(H, W) uint8 of the annotation of one frame."""
        return self.sample.gt_masks[index].cpu().numpy().astype(np.uint8)

    @cached_property
    def palette(self) -> np.ndarray | None:
        """(K, 3) uint8 colours of classes; None for one foreground.

        Raises:
            ConfigError: There are classes, but the data set has no palette.
        """
        if self.sample.num_classes == 1:
            return None
        if self.metainfo.get('palette') is None:
            raise ConfigError(
                'the data set has no palette in its metainfo, which masks of classes are saved '
                'with; add metainfo=dict(palette=[[R, G, B], ...]) to the data set'
            )
        return np.asarray(self.metainfo['palette'], np.uint8)

    def overlay(self, index: int, mask: np.ndarray) -> Image.Image:
        """The frame on disk with a mask of its size over it."""
        classes = self.metainfo.get('classes') or range(256)
        painter = MaskPainter(
            [str(name) for name in classes],
            self.palette,
            background=self.metainfo.get('background', True),
        )
        painter.set_mask(mask)
        return Image.fromarray(painter.paint(read_frame(self.sample.frame_paths[index])))


FIELDS: dict[str, Callable[[SampleResults, int], str]] = {
    'clip_id': lambda results, index: results.sample.clip_id,
    'video': lambda results, index: results.sample.video,
    'frame': lambda results, index: Path(results.sample.frame_paths[index]).stem,
    # Of the annotation; and MED-VT's value of the frame on A2D.
    'classes': lambda results, index: '-'.join(
        str(value) for value in np.unique(results.truth(index)) if value != BACKGROUND
    ),
    'value': lambda results, index: (
        f'{frame_value(results.masks[index], results.truth(index)):.3f}'
    ),
}


class Kind(NamedTuple):
    """A kind of image.

    Attributes:
        draw: Makes the image of a frame.
        on_request: Whether it is only made when images over the frames are asked for.
    """

    draw: Callable[[SampleResults, int], Image.Image]
    on_request: bool = False


def _mask(results: SampleResults, index: int) -> Image.Image:
    return mask_image(results.masks[index], results.palette)


def _color_mask(results: SampleResults, index: int) -> Image.Image:
    return _mask(results, index).convert('RGB')


def _probability(results: SampleResults, index: int) -> Image.Image:
    """255 times the probability of the foreground, cut off to whole numbers as published."""
    if results.sample.num_classes > 1:
        raise ConfigError('probability maps can be saved of networks with one class only')
    maps = resize(results.sample.probabilities()[index : index + 1].float(), results.size)
    return Image.fromarray((255 * maps[0, 0]).byte().cpu().numpy())


def _overlay(results: SampleResults, index: int) -> Image.Image:
    return results.overlay(index, results.masks_of_frames[index])


def _truth_overlay(results: SampleResults, index: int) -> Image.Image:
    height, width = results.sample.ori_shape
    truth = Image.fromarray(results.truth(index)).resize((width, height), Image.Resampling.NEAREST)
    return results.overlay(index, np.asarray(truth))


KINDS = {
    'mask': Kind(_mask),
    'color_mask': Kind(_color_mask),
    'probability': Kind(_probability),
    'overlay': Kind(_overlay, on_request=True),
    'truth_overlay': Kind(_truth_overlay, on_request=True),
}
