"""A config's test pipeline for frames and sound in memory instead of files."""

from dataclasses import dataclass

import numpy as np
from mmengine.config import Config, ConfigDict

from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.transforms import LoadClip, LoadMaskiges, PackAVSInputs
from avsbench.maskiges import PALETTE, rank_map, superpixels
from avsbench.registry import DATASETS, TRANSFORMS
from avsbench.utils.errors import ConfigError

PLAIN_COMBO = 'config/s4/combo_pvt2_plain.py'


@dataclass(frozen=True)
class Prepared:
    """A frame as the network sees it.

    Attributes:
        frame: (h, w, 3) uint8, RGB.
        maskige: the same, of its Maskige, or None.
        size: (H, W) of the frame before.
    """

    frame: np.ndarray
    maskige: np.ndarray | None
    size: tuple[int, int]


class ClipPipeline:
    """The transforms of `test_dataloader` but for those that read files.

    Maskiges, which a network may want beside the frames, are made of superpixels of the frame as it
    is cut for the network (`avsbench.maskiges`); those of the published results come from another
    segmentation model.

    Args:
        cfg: a config of this toolbox.

    Attributes:
        seconds: T, seconds and frames of a clip.
        fill: whether the network only knows clips of T frames.
        maskiges: whether it reads Maskiges.
        subset: of the config.
        size: (h, w) of the frames that the network gets, for a video of 16:9.

    Raises:
        ConfigError: the config has no such pipeline, or what it needs is not installed.
    """

    def __init__(self, cfg: Config) -> None:
        where = f'{cfg.filename}: test_dataloader.dataset'
        try:
            dataset = cfg.test_dataloader.dataset
            steps = [TRANSFORMS.build(step) for step in dataset.pipeline]
        except (AttributeError, KeyError) as error:
            raise ConfigError(f'{where}: the pipeline of the test is needed ({error})') from error
        self.subset = cfg.get('subset', '')
        ends = steps[:1] + steps[-1:]
        if [type(step) for step in ends] != [LoadClip, PackAVSInputs]:
            raise ConfigError(f'{where}.pipeline: expected LoadClip first, and PackAVSInputs last')
        kind = _dataset_kind(dataset, where)
        padded = cfg.model.get('data_preprocessor', {}).get('num_frames')
        self.seconds = padded or dataset.get('num_frames', kind.clip_frames)
        self.fill = kind.short_audio == 'repeat'
        self.maskiges = any(isinstance(step, LoadMaskiges) for step in steps)
        self._steps = [step for step in steps[1:-1] if not isinstance(step, LoadMaskiges)]
        self._pack = steps[-1]
        if self.maskiges:
            _check_superpixels(cfg)
        self.size = self._cut(np.zeros((360, 640, 3), np.uint8)).shape[:2]

    def prepare(self, frame: np.ndarray) -> Prepared:
        """Cut one frame (H, W, 3) uint8, RGB, for the network."""
        cut = self._cut(frame)
        maskige = PALETTE[rank_map(superpixels(cut))[0]] if self.maskiges else None
        return Prepared(cut, maskige, frame.shape[:2])

    def _cut(self, frame: np.ndarray) -> np.ndarray:
        size = frame.shape[:2]
        results = {'frames': [frame], 'ori_shape': size, 'img_shape': size, 'clip_id': 'the video'}
        for step in self._steps:
            results = step(results)
        (cut,) = results['frames']
        return cut

    def pack(self, frames: list[Prepared], log_mel: np.ndarray, name: str) -> dict:
        """A clip as the data preprocessor takes it.

        Args:
            frames: n of them.
            log_mel: (n, 1, 96, 64) float32.
            name: of the clip, for messages.
        """
        results = {
            'frames': [frame.frame for frame in frames],
            'log_mel': log_mel,
            'clip_id': name,
            'subset': self.subset,
            'sample_idx': 0,
            'ori_shape': frames[0].size,
            'img_shape': frames[0].frame.shape[:2],
            'frame_paths': [f'{name}, frame {index}' for index in range(len(frames))],
        }
        if self.maskiges:
            results['maskiges'] = [frame.maskige for frame in frames]
        return self._pack(results)


def _dataset_kind(dataset: ConfigDict, where: str) -> type[BaseAVSDataset]:
    """The class of a data set, which knows the length of its clips and the rule for short audio."""
    kind = DATASETS.get(dataset.get('type', ''))
    if not (isinstance(kind, type) and issubclass(kind, BaseAVSDataset)):
        raise ConfigError(
            f'{where}.type={dataset.get("type")!r}: a data set of this toolbox is expected, which '
            'tells how long its clips are and what follows short audio'
        )
    return kind


def _check_superpixels(cfg: Config) -> None:
    try:
        import skimage.segmentation  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'{cfg.filename}: this network reads Maskiges beside the frames, and making them needs '
            f"scikit-image: pip install -e '.[maskiges]'; or take {PLAIN_COMBO} with a checkpoint "
            'of it, which reads none'
        ) from error
