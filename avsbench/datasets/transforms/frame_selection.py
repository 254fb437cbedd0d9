"""Transforms that choose among the frames of a clip."""

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.registry import TRANSFORMS

PER_FRAME_KEYS = ('frames', 'masks', 'gt_valid', 'log_mel', 'frame_paths')


@TRANSFORMS.register_module()
class KeepAnnotatedFrames(BaseTransform):
    """Drop the frames of a training clip that have no mask, with their patches of sound.

    For systems in which the frames of a clip never interact, the dropped ones add nothing to the
    loss: training on S4, where one frame in five is annotated, takes a fifth of the time. The
    statistics of batch normalisation then come from the annotated frames alone, which is why the
    published recipes go without.

    Place it after the loading transforms; a clip without any mask stays whole.
    """

    def transform(self, results: dict) -> dict:
        """Shorten all keys that have one entry a frame."""
        kept = np.flatnonzero(results['gt_valid'])
        if 0 < len(kept) < len(results['gt_valid']):
            for key in PER_FRAME_KEYS:
                values = results[key]
                picked = [values[index] for index in kept]
                results[key] = np.stack(picked) if isinstance(values, np.ndarray) else picked
        return results
