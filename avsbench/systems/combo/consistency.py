"""COMBO's loss between neighbouring frames.

Paper: COMBO, arXiv 2312.06462, CVPR 2024; repository github.com/yannqi/COMBO-AVS.
"""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.models.layers import grouped_lengths
from avsbench.registry import MODELS


@MODELS.register_module()
class InterFrameConsistencyLoss(BaseModule):
    """COMBO's adaptive loss between neighbouring frames: d exp(-d), d = 1 - cosine.

    Gradient flows through both factors: from d = 1 on it pushes frames apart.

    Args:
        loss_weight: Factor of the result.
        group_frames: Clips are cut into groups of so many frames, across whose borders nothing is
            compared; published are 5, also in clips of 10. None compares all neighbours of a clip.
    """

    def __init__(self, loss_weight: float = 10.0, group_frames: int | None = 5) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.group_frames = group_frames

    def forward(self, mask_logits: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Compare the masks (N, Q, h, w) of neighbouring frames.

        Returns:
            The mean over all groups of more than one frame of the mean over its pairs; 0 without
            such groups.
        """
        groups = mask_logits.flatten(1).split(grouped_lengths(clip_lengths, self.group_frames))
        terms = [self._group(group) for group in groups if len(group) > 1]
        if not terms:
            return 0.0 * mask_logits.sum()
        return self.loss_weight * torch.stack(terms).mean()

    def _group(self, frames: Tensor) -> Tensor:
        distance = 1 - F.cosine_similarity(frames[:-1], frames[1:], eps=1e-12)
        return (distance * (-distance).exp()).mean()
