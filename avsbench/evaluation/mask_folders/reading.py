"""Labels and masks of a split, clip by clip, as fields of data samples."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.datasets.clip_info import ClipInfo
from avsbench.datasets.transforms.clip_transforms import centre_nearest
from avsbench.datasets.transforms.mask_reader import MaskReader
from avsbench.evaluation.mask_folders.contents import read_prediction, read_probability
from avsbench.evaluation.mask_folders.names import MaskFiles
from avsbench.media.scored_masks import ScoredMask, read_scored
from avsbench.utils.errors import DataError
from avsbench.utils.maps import THRESHOLD

_THREADS = 4
_CLIPS_AT_ONCE = 8  # what is decoded ahead of the metric


@dataclass(frozen=True)
class ScoringOptions:
    """How masks are scored.

    Attributes:
        at: Size that is scored: that of the 'labels' or of the 'masks', the others are resized by
            nearest neighbour. None: what a test has left in the PNGs, else both must have one size.
        count_padded: Score background for the frames that clips of 5 lack to 10 (AVSS). None: as
            the test did, else True.
        nearest_colour: See `read_prediction`.
        self_probable: The masks are maps of 8-bit probabilities.
    """

    at: str | None = None
    count_padded: bool | None = None
    nearest_colour: bool = False
    self_probable: bool = False


class _Frame(NamedTuple):
    """One frame; arrays are (H, W), `tested` is what the PNG says of a test."""

    target: np.ndarray
    mask: np.ndarray
    probability: np.ndarray | None = None
    tested: ScoredMask | None = None
    missing: bool = False


class ClipReader:
    """Reads a split for `AVSMetric.process`.

    Args:
        dataset: The split, with annotations.
        masks: Its masks.
        maps: Its maps of 8-bit probabilities.
        options: How they are scored.

    Attributes:
        num_classes: K of class labels, None of binary masks.
        probable: Whether the F-measure has probabilities, known after the last clip.
        tested: Whether the PNGs say what a test has scored, known after the last clip.
        counts_padded: Whether padded frames are scored, known after the last clip.
    """

    def __init__(
        self,
        dataset: BaseAVSDataset,
        masks: MaskFiles,
        maps: MaskFiles | None,
        options: ScoringOptions,
    ) -> None:
        self.infos = list(dataset.clip_infos())
        self.num_classes = self.infos[0]['num_classes'] if self.infos else None
        self.probable = options.self_probable or maps is not None
        self.tested: bool | None = None
        self.counts_padded = options.count_padded is not False
        self._full_length = dataset.clip_frames
        self._masks, self._maps = masks, maps
        self._missing = {*masks.missing, *(maps.missing if maps else ())}
        self._options = options
        self._labels = MaskReader('error', 'error', type(self).__name__)

    def samples(self) -> Iterator[dict]:
        """Fields of each clip, decoded a few clips ahead.

        Raises:
            DataError: A file is broken, or of another size; some PNGs say what a test has scored,
                and others do not.
        """
        indices = iter(range(len(self.infos)))
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(indices, _CLIPS_AT_ONCE)):
                for index, frames in zip(batch, pool.map(self._frames, batch), strict=True):
                    yield self._sample(index, frames)

    def _frames(self, index: int) -> list[_Frame | None]:
        """The frames of a clip, None where one is not annotated."""
        info, paths = self.infos[index], self._masks.paths[index]
        maps = paths if self._maps is None else self._maps.paths[index]
        rows = zip(info['mask_paths'], paths, maps, strict=True)
        return [None if row[0] is None else self._frame(info, *row) for row in rows]

    def _frame(self, info: ClipInfo, label: str, path: Path, map_path: Path) -> _Frame:
        target = self._labels.read(label, info['mask_coding'], info['num_classes'])
        if path in self._missing or map_path in self._missing:
            return _Frame(target, np.zeros_like(target), missing=True)
        mask, probability, tested = self._prediction(path, map_path)
        if probability is not None and probability.shape != mask.shape:
            raise DataError(
                f'{map_path}: {_size(probability)} pixels, but its mask has {_size(mask)}'
            )
        if mask.shape != target.shape:
            if self._options.at == 'labels':
                mask = centre_nearest(mask, target.shape)
                if probability is not None:
                    probability = centre_nearest(probability, target.shape)
            elif self._options.at == 'masks' or tested is not None:
                target = centre_nearest(target, mask.shape)
            else:
                raise DataError(
                    f'{path}: {_size(mask)} pixels, but the label {label} has {_size(target)}; '
                    "save masks of the label's size, or choose by --at labels or --at masks which "
                    'of them is resized'
                )
        return _Frame(target, mask, probability, tested)

    def _prediction(
        self, path: Path, map_path: Path
    ) -> tuple[np.ndarray, np.ndarray | None, ScoredMask | None]:
        """Mask, probability (float32), and what the PNG says of a test."""
        if self._options.self_probable:
            probability = _unit(read_probability(path))
            return (probability > THRESHOLD).astype(np.uint8), probability, None
        nearest = self._options.nearest_colour
        shown = read_prediction(path, self.num_classes, nearest_colour=nearest)
        if self._maps is not None:
            return shown, _unit(read_probability(map_path)), None
        tested = read_scored(path, shown) if self._options.at is None else None
        if tested is None:
            return shown, None, None
        if tested.levels is None:
            return tested.mask, None, tested
        nothing = np.float32(np.nan)  # what reaches no threshold
        probability = np.where(tested.levels == 0, nothing, _unit(tested.levels))
        return tested.mask, probability, tested

    def _sample(self, index: int, frames: Sequence[_Frame | None]) -> dict:
        info = self.infos[index]
        given = [frame for frame in frames if frame is not None and not frame.missing]
        self._note(index, given)
        annotated = [frame for frame in frames if frame is not None]
        size = (given or annotated)[0].target.shape if annotated else (1, 1)
        blank = _Frame(np.zeros(size, np.uint8), np.zeros(size, np.uint8))
        rows = [blank if frame is None else _of_size(frame, size) for frame in frames]
        rows += [blank] * self._padding(len(frames), given)
        exists = torch.arange(len(rows)) < len(frames)
        valid = [frame is not None for frame in frames] + [False] * (len(rows) - len(frames))
        masks = torch.from_numpy(np.stack([row.mask for row in rows]))
        sample = {
            'sample_idx': index,
            'clip_id': info['clip_id'],
            'frame_paths': info['frame_paths'],
            'gt_masks': torch.from_numpy(np.stack([row.target for row in rows])),
            'gt_valid': torch.tensor(valid),
            'frame_valid': exists,
            'missing': torch.tensor([row.missing for row in rows]),
        }
        if self.num_classes is not None:
            return sample | {'pred_masks': masks}
        maps = [row.mask if row.probability is None else row.probability for row in rows]
        maps = torch.from_numpy(np.stack([part.astype(np.float32) for part in maps]))
        return sample | {'decided_masks': masks, 'seg_probs': maps[:, None]}

    def _note(self, index: int, given: Sequence[_Frame]) -> None:
        """Check that all masks are of one kind, and of one size in a clip."""
        for frame in given:
            tested = frame.tested is not None
            if self.tested not in (None, tested):
                raise DataError(
                    f'{self._masks.folder}: some masks say what test.sh has scored, and others, '
                    f'among them one of clip {self.infos[index]["clip_id"]} or of the first clip, '
                    'do not; save all of them in one test, or pass --at labels'
                )
            self.tested = tested
            if frame.mask.shape != given[0].mask.shape:
                raise DataError(
                    f'clip {self.infos[index]["clip_id"]}: masks of {_size(given[0].mask)} and of '
                    f'{_size(frame.mask)} pixels; pass --at labels'
                )
            if tested:
                self.probable = frame.probability is not None
                if self._options.count_padded is None:
                    self.counts_padded = frame.tested.count_padded

    def _padding(self, frames: int, given: Sequence[_Frame]) -> int:
        """How many frames are added to a clip, as systems that need clips of one length do."""
        if not self.counts_padded:
            return 0
        if given and given[0].tested is not None:
            return given[0].tested.clip_frames - frames
        return 0 if self.num_classes is None else max(0, self._full_length - frames)


def _of_size(frame: _Frame, size: tuple[int, int]) -> _Frame:
    """A frame without a mask at the size of the others."""
    if frame.target.shape == size:
        return frame
    target = centre_nearest(frame.target, size)
    return frame._replace(target=target, mask=np.zeros_like(target))


def _unit(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / np.float32(255)


def _size(image: np.ndarray) -> str:
    return f'{image.shape[1]} x {image.shape[0]}'
