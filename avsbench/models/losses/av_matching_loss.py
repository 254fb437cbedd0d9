"""Audio-visual matching losses of AVSBench: the masked picture should look like its sound.

Paper: Audio-Visual Segmentation, arXiv 2207.05042; repository github.com/OpenNLPLab/AVSBench
(Apache-2.0). MED-VT++ (arXiv 2304.05930) uses the same losses.
"""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError, nearest

DISTANCES = ('kl', 'cosine')
POOLS = {'avg': F.adaptive_avg_pool2d, 'max': F.adaptive_max_pool2d}


@MODELS.register_module()
class AudioVisualMatchingLoss(BaseModule):
    """Compare the audio vector of each frame with the pooled visual map under the predicted mask.

    The mask of one class is soft: the logit pooled to the map's size, then its sigmoid; of several
    classes, whether the largest is another than class 0, pooled. Distances:

    - 'kl': Kullback-Leibler divergence of the softmax over channels of the masked mean map from
      that of the audio vector, summed over channels and frames, as published; so it grows with
      the batch. Where frames are left out it is their mean over the others.
    - 'cosine': -ln(max(0, cosine) + 1e-6), a mean over frames, of maps under the mask that the
      pooled probability makes where it exceeds 0.5 (published for S4, switched off there).

    Args:
        distance: 'kl' or 'cosine'.
        pool: How masks are brought to the size of a map: 'avg' or 'max'.
        loss_weight: Factor of the result, which is the mean over the maps.

    Raises:
        ConfigError: An unknown distance or pool.
    """

    def __init__(
        self, distance: str = 'kl', *, pool: str = 'avg', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        for name, value, known in (('distance', distance, DISTANCES), ('pool', pool, [*POOLS])):
            if value not in known:
                raise ConfigError(
                    f'AudioVisualMatchingLoss: {name}={value!r}, expected one of {list(known)}'
                    f'{nearest(value, known)}'
                )
        self.distance = distance
        self.pool = POOLS[pool]
        self.loss_weight = loss_weight

    def forward(
        self,
        matched: list[tuple[Tensor, Tensor]],
        logits: Tensor,
        frame_counts: Tensor | None = None,
    ) -> Tensor:
        """Compare maps and audio.

        Args:
            matched: Pairs of a map (N, C, h_l, w_l) and an audio vector (N, C).
            logits: (N, K, H, W), predicted.
            frame_counts: (N,) bool, which frames count; None for all.

        Returns:
            A scalar.
        """
        total = sum(self._one(*pair, logits, frame_counts) for pair in matched)
        return self.loss_weight * total / len(matched)

    def _one(
        self, maps: Tensor, audio: Tensor, logits: Tensor, frame_counts: Tensor | None
    ) -> Tensor:
        if self.distance == 'cosine':
            mask = self.pool(_foreground_probability(logits), maps.shape[2:]) > 0.5
            pooled = (maps * mask).sum((2, 3)) / (mask.sum((2, 3)) + 1e-6)
            similarity = F.cosine_similarity(pooled, audio, eps=1e-12).relu()
            each = -(similarity + 1e-6).log()  # (N,)
            return each.mean() if frame_counts is None else _mean(each, frame_counts)
        if logits.shape[1] == 1:
            mask = self.pool(logits, maps.shape[2:]).sigmoid()
        else:
            mask = self.pool(_foreground_probability(logits), maps.shape[2:])
        pooled = (maps * mask).mean((2, 3))  # (N, C)
        each = F.kl_div(pooled.log_softmax(1), audio.softmax(1), reduction='none').sum(1)
        return each.sum() if frame_counts is None else _mean(each, frame_counts)


def _foreground_probability(logits: Tensor) -> Tensor:
    """(N, 1, H, W): the sigmoid of one class, else 0 or 1 without gradient."""
    if logits.shape[1] == 1:
        return logits.sigmoid()
    return (logits.argmax(1, keepdim=True) != 0).to(logits.dtype)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    counts = counts.to(values.dtype)
    return (values * counts).sum() / counts.sum().clamp_min(torch.finfo(values.dtype).tiny)
