"""The test pipeline of a config, for frames and audio in memory instead of files."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from mmengine.config import Config, ConfigDict

from avsbench.apis.selection import MaskSpan
from avsbench.config.clips import clip_length, reads_audio
from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.base_clip_dataset import BaseClipDataset
from avsbench.datasets.transforms import LoadClip, LoadFrames, LoadMaskiges, PackAVSInputs
from avsbench.datasets.video import VideoDataset
from avsbench.maskiges import PALETTE, rank_map, superpixels
from avsbench.registry import DATASETS, TRANSFORMS
from avsbench.utils.errors import ConfigError
from avsbench.utils.extras import require

PLAIN_COMBO = 'config/s4/combo_pvt2_plain.py'
THUMBNAIL = 160  # pixels of the height of the frames that are drawn


@dataclass(frozen=True)
class ResizedFrame:
    """A frame at the size of the network's input.

    Attributes:
        frame: (h, w, 3) uint8, RGB.
        maskige: Its Maskige (h, w, 3) uint8, or None.
        original_size: (H, W) of the frame before.
        thumbnail: (h', w', 3) uint8, RGB: the frame before, at most `THUMBNAIL` pixels high.
    """

    frame: np.ndarray
    maskige: np.ndarray | None
    original_size: tuple[int, int]
    thumbnail: np.ndarray


@dataclass(frozen=True)
class ClipBatch:
    """Clips of one video to run the network on together.

    Attributes:
        clips: Packed clips of one length, with their frames and audio.
        masks: For each clip, the masks that its kept frames stand for, or its first ones: a clip of
            seconds may have further frames that only fill it.
        size: (H, W) of the frames of the video.
        thumbnails: For each clip, the frames of its masks, see `ResizedFrame`.
    """

    clips: list[dict]
    masks: list[Sequence[MaskSpan]]
    size: tuple[int, int]
    thumbnails: list[Sequence[np.ndarray]]


class ClipPipeline:
    """The transforms of `test_dataloader`, except those that read files.

    Maskiges, which a network may need beside the frames, are made from superpixels of the resized
    frame (`avsbench.maskiges`); those of the published results come from another segmentation
    model.

    Args:
        cfg: A config of this toolbox.
        fixed_size: (h, w) that an exported network takes, whatever the shape of the video; all its
            clips have T frames.

    Attributes:
        length: T, frames per clip.
        consecutive: Whether a clip has consecutive frames, instead of one for each second.
        windows: Ways to cut a video into clips that suit the network, the default first.
        window_around: The window of consecutive frames that predicts one of them: total number of
            frames, its number, T -> `Window`.
        fill: Whether the network only knows clips of T seconds.
        sound: Whether the network reads audio.
        front_end: What it gets of the audio; None without.
        maskiges: Whether the network reads Maskiges.
        subset: Of the config.
        size: (h, w) of the network's input for a video of 16:9.

    Raises:
        ConfigError: The config has no such pipeline, or what it needs is not installed.
    """

    def __init__(self, cfg: Config, *, fixed_size: tuple[int, int] | None = None) -> None:
        where = f'{cfg.filename}: test_dataloader.dataset'
        try:
            dataset = cfg.test_dataloader.dataset
            steps = [TRANSFORMS.build(step) for step in dataset.pipeline]
        except (AttributeError, KeyError) as error:
            raise ConfigError(f'{where}: has no test pipeline ({error})') from error
        self.subset = cfg.get('subset', '')
        self._fixed_size = fixed_size
        kinds = [type(step) for step in steps]
        if kinds[:1] not in ([LoadClip], [LoadFrames]) or kinds[-1] is not PackAVSInputs:
            raise ConfigError(
                f'{where}.pipeline: expected LoadClip or LoadFrames first, and PackAVSInputs last'
            )
        self.sound = reads_audio(cfg)
        self.front_end = steps[0].log_mel.front_end if self.sound else None
        self.length = clip_length(cfg)
        kind = _dataset_kind(dataset, where)
        self.consecutive = issubclass(kind, VideoDataset)
        self.windows, self.window_around = ('disjoint',), None
        if self.consecutive:
            self.windows = ('centre',) if kind.centre_only else ('disjoint', 'centre')
            self.window_around = kind.window_around
        repeats = issubclass(kind, BaseAVSDataset) and kind.short_audio == 'repeat'
        self.fill = repeats or fixed_size is not None
        self.maskiges = any(isinstance(step, LoadMaskiges) for step in steps)
        self._steps = [step for step in steps[1:-1] if not isinstance(step, LoadMaskiges)]
        self._pack = steps[-1]
        if self.maskiges:
            _check_superpixels(cfg)
        self.size = self._transform(np.zeros((360, 640, 3), np.uint8)).shape[:2]

    def resize(self, frame: np.ndarray) -> ResizedFrame:
        """Bring a frame (H, W, 3) uint8, RGB, to the size of the network's input."""
        resized = self._transform(frame)
        maskige = PALETTE[rank_map(superpixels(resized))[0]] if self.maskiges else None
        return ResizedFrame(resized, maskige, frame.shape[:2], _thumbnail(frame))

    def _transform(self, frame: np.ndarray) -> np.ndarray:
        size = frame.shape[:2]
        results = {'frames': [frame], 'ori_shape': size, 'img_shape': size, 'clip_id': 'the video'}
        for step in self._steps:
            results = step(results)
        (resized,) = results['frames']
        if self._fixed_size not in (None, resized.shape[:2]):
            resized = cv2.resize(resized, self._fixed_size[::-1], interpolation=cv2.INTER_LINEAR)
        return resized

    def masks_per_second(self, fps: int | None) -> int | None:
        """`fps`, or the default for the kind of clips; None for a mask of each frame."""
        return fps if fps is not None or self.consecutive else 1

    def clip_of(self, span: MaskSpan) -> int:
        """Number of the T seconds, or of the T frames, that a mask is in."""
        return span.index // self.length if self.consecutive else int(span.start // self.length)

    def pack(
        self,
        frames: list[ResizedFrame],
        log_mel: np.ndarray | None,
        name: str,
        kept: Sequence[int] | None = None,
    ) -> dict:
        """Pack a clip for the data preprocessor.

        Args:
            frames: T of them.
            log_mel: (T, *shape) float32, with the shape of `front_end`; None without sound.
            name: Of the clip, for messages.
            kept: Positions of the frames that are to be predicted; None for all.
        """
        results = {
            'frames': [frame.frame for frame in frames],
            'kept': kept,
            'clip_id': name,
            'subset': self.subset,
            'sample_idx': 0,
            'ori_shape': frames[0].original_size,
            'img_shape': frames[0].frame.shape[:2],
            'frame_paths': [f'{name}, frame {index}' for index in range(len(frames))],
        }
        if log_mel is not None:
            results |= {'log_mel': log_mel, 'front_end': self.front_end.name}
        if self.maskiges:
            results['maskiges'] = [frame.maskige for frame in frames]
        return self._pack(results)


def _thumbnail(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3), reduced to the height of a thumbnail, or as it is."""
    height, width = frame.shape[:2]
    if height <= THUMBNAIL:
        return frame.copy()  # not a view of what may be reused
    size = (max(1, round(width * THUMBNAIL / height)), THUMBNAIL)
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _dataset_kind(dataset: ConfigDict, where: str) -> type[BaseClipDataset]:
    """The class of a data set, which knows what its clips are."""
    kind = DATASETS.get(dataset.get('type', ''))
    if not (isinstance(kind, type) and issubclass(kind, BaseClipDataset)):
        raise ConfigError(
            f'{where}.type={dataset.get("type")!r}: a data set of this toolbox is expected, which '
            'defines what a clip is'
        )
    return kind


def _check_superpixels(cfg: Config) -> None:
    try:
        require('skimage.segmentation', 'making Maskiges for the frames')
    except ConfigError as error:
        raise ConfigError(
            f'{cfg.filename}: {error}; or use {PLAIN_COMBO} with a checkpoint of it, which reads '
            'no Maskiges'
        ) from error
