"""Packs a loaded clip for the model."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import ClipResults
from avsbench.registry import TRANSFORMS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError

META_KEYS = ('clip_id', 'subset', 'sample_idx', 'ori_shape', 'img_shape')
OPTIONAL_META_KEYS = ('front_end', 'category', 'video', 'kept')  # with audio, and of videos
FRAME_META_KEYS = ('frame_paths', 'frame_idx', 'gt_boxes', 'motions')  # one entry per frame


@TRANSFORMS.register_module()
class PackAVSInputs(BaseTransform):
    """Make tensors of a clip.

    The result is `inputs` and `data_samples`. `inputs` has `frames` (T, 3, H, W) uint8, or
    (T, 6, H, W) where Maskiges were loaded: they follow the frames on the channel axis; `audio`
    (T, 1, frames, bands) float32 of clips with log-mel; and `prior_masks` (T, H, W) uint8 where
    masks of an earlier stage were loaded.

    `data_samples` is an `AVSDataSample` with `gt_masks` (T', H', W') uint8 where masks were loaded,
    `gt_valid` (T',) bool where annotations were, and `frame_valid` (T',) bool, all True: padding is
    the data preprocessor's. T' are the frames of the clip's `kept`, all T without it. Masks may be
    of another size than the frames, if the pipeline left them as they are; `pred_shape` of the
    metainfo then says so.
    """

    def transform(self, results: ClipResults) -> dict:
        """Return the packed clip; what describes it goes to the metainfo."""
        if 'frames' not in results:
            raise ConfigError(
                'PackAVSInputs: LoadClip, or LoadFrames, must come before it in the pipeline'
            )
        frames = np.stack(results['frames'])
        if 'maskiges' in results:
            frames = np.concatenate([frames, np.stack(results['maskiges'])], axis=-1)
        frames = frames.transpose(0, 3, 1, 2)  # (T, 3 or 6, H, W)
        inputs = {'frames': torch.from_numpy(np.ascontiguousarray(frames))}
        if 'log_mel' in results:
            inputs['audio'] = torch.from_numpy(results['log_mel'])
        if 'prior_masks' in results:
            inputs['prior_masks'] = torch.from_numpy(np.ascontiguousarray(results['prior_masks']))
        return {'inputs': inputs, 'data_samples': _pack_sample(results)}


def _pack_sample(results: ClipResults) -> AVSDataSample:
    total = len(results['frames'])
    kept = results.get('kept')
    positions = list(range(total)) if kept is None else list(kept)
    sample = AVSDataSample(metainfo=_metainfo(results, positions))
    sample.frame_valid = torch.ones(len(positions), dtype=torch.bool)
    if 'gt_valid' in results:
        sample.gt_valid = torch.from_numpy(results['gt_valid'][positions])
    if 'masks' in results:
        masks = results['masks']
        sample.gt_masks = torch.from_numpy(masks if kept is None else masks[positions])
        if masks.shape[1:] != tuple(results['img_shape']):
            sample.set_metainfo({'pred_shape': masks.shape[1:]})
    return sample


def _metainfo(results: ClipResults, positions: Sequence[int]) -> dict:
    """What describes the clip, and its frames at some positions."""
    found = {key: results[key] for key in META_KEYS}
    found |= {key: results[key] for key in OPTIONAL_META_KEYS if results.get(key) is not None}
    for key in FRAME_META_KEYS:
        if key in results:
            found[key] = [results[key][position] for position in positions]
    return found | {'flip': results.get('flip', False)}
