"""Transforms that choose among the frames of a clip."""

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import ClipResults
from avsbench.registry import TRANSFORMS
from avsbench.utils.errors import ConfigError

PER_FRAME_KEYS = (
    *('frames', 'masks', 'gt_valid', 'frame_paths'),
    *('log_mel', 'maskiges', 'maskige_paths', 'prior_masks', 'frame_idx'),
)


@TRANSFORMS.register_module()
class KeepAnnotatedFrames(BaseTransform):
    """Drop the frames of a training clip that have no mask, with their log-mel patches.

    For systems in which the frames of a clip never interact, the dropped ones add nothing to the
    loss: training on S4, where one frame in five is annotated, takes a fifth of the time. The
    statistics of batch normalisation then come from the annotated frames alone, which is why the
    published recipes go without.

    Place it after the loading transforms; a clip without any mask stays whole.
    """

    def transform(self, results: ClipResults) -> ClipResults:
        """Shorten all keys that have one entry per frame."""
        kept = np.flatnonzero(results['gt_valid'])
        return _keep(results, kept) if len(kept) else results


@TRANSFORMS.register_module()
class SampleFrames(BaseTransform):
    """Keep some frames of a training clip at random, with their log-mel patches.

    For systems in which the frames of a clip never interact: a batch of many clips with few frames
    each is more varied than one of few whole clips, and costs the same.

    Place it after the loading transforms.

    Args:
        num_frames: Frames to keep, in their order; a clip with fewer stays whole.
    """

    def __init__(self, num_frames: int) -> None:
        if num_frames < 1:
            raise ConfigError(f'SampleFrames: num_frames={num_frames}, expected 1 or more')
        self.num_frames = num_frames

    def transform(self, results: ClipResults) -> ClipResults:
        """Shorten all keys that have one entry per frame."""
        total = len(results['gt_valid'])
        if total <= self.num_frames:
            return results
        return _keep(results, np.sort(np.random.permutation(total)[: self.num_frames]))


def _keep(results: ClipResults, kept: np.ndarray) -> ClipResults:
    """Shorten a clip; one of seconds says by `frame_idx` which are left, as one of a video does."""
    if results.get('kept') is not None:
        raise ConfigError(
            'KeepAnnotatedFrames and SampleFrames are for training; leave them out of the pipeline '
            'of a test, in which some frames of each window are wanted'
        )
    results.setdefault('frame_idx', list(range(len(results['gt_valid']))))
    for key in filter(results.__contains__, PER_FRAME_KEYS):
        values = results[key]
        picked = [values[index] for index in kept]
        results[key] = np.stack(picked) if isinstance(values, np.ndarray) else picked
    return results
