"""Packs a loaded clip for the model."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import ClipResults
from avsbench.registry import TRANSFORMS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError

META_KEYS = (
    *('clip_id', 'subset', 'sample_idx', 'ori_shape', 'img_shape', 'frame_paths'),
    'front_end',
)


@TRANSFORMS.register_module()
class PackAVSInputs(BaseTransform):
    """Make tensors of a clip.

    The result is `inputs` with `frames` (T, 3, H, W) uint8, or (T, 6, H, W) where Maskiges were
    loaded: they follow the frames on the channel axis, `audio` (T, 1, frames, bands) float32,
    and `data_samples`, an `AVSDataSample` with `gt_masks` (T, H, W) uint8 and `gt_valid` (T,) bool
    where masks were loaded, and `frame_valid` (T,) bool, all True: padding is the data
    preprocessor's.
    """

    def transform(self, results: ClipResults) -> dict:
        """Return the packed clip; every key of `META_KEYS` and `flip` goes to the metainfo."""
        if not {'frames', 'log_mel'} <= results.keys():
            raise ConfigError('PackAVSInputs: LoadClip must come before it in the pipeline')
        frames = np.stack(results['frames'])
        if 'maskiges' in results:
            frames = np.concatenate([frames, np.stack(results['maskiges'])], axis=-1)
        frames = frames.transpose(0, 3, 1, 2)  # (T, 3 or 6, H, W)
        sample = AVSDataSample(
            metainfo={key: results[key] for key in META_KEYS} | {'flip': results.get('flip', False)}
        )
        sample.frame_valid = torch.ones(len(frames), dtype=torch.bool)
        if 'masks' in results:
            sample.gt_masks = torch.from_numpy(results['masks'])
            sample.gt_valid = torch.from_numpy(results['gt_valid'])
        inputs = {
            'frames': torch.from_numpy(np.ascontiguousarray(frames)),
            'audio': torch.from_numpy(results['log_mel']),
        }
        return {'inputs': inputs, 'data_samples': sample}
