"""Audio-visual matching losses of AVSBench: the masked feature should be close to the audio.

Paper: Audio-Visual Segmentation, arXiv 2207.05042; repository github.com/OpenNLPLab/AVSBench
(Apache-2.0). MED-VT++ (arXiv 2304.05930) uses the same losses.
"""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice

POOLS = {'avg': F.adaptive_avg_pool2d, 'max': F.adaptive_max_pool2d}
EPS = 1e-6
SAME_FRAME = 10.0  # added to a frame's distance from itself, so that another one is nearest


def _kl(visual: Tensor, audio: Tensor) -> Tensor:
    """Divergence of the softmax over channels of `visual` from that of `audio`, (N,)."""
    return F.kl_div(
        visual.log_softmax(1), audio.log_softmax(1), reduction='none', log_target=True
    ).sum(1)


def _cosine(visual: Tensor, audio: Tensor) -> Tensor:
    """-ln(max(0, cosine) + 1e-6), (N,)."""
    return -(F.cosine_similarity(visual, audio, eps=1e-12).relu() + EPS).log()


DISTANCES = {'kl': _kl, 'euclidean': F.pairwise_distance, 'cosine': _cosine}
OPTIONS = {
    'distance': DISTANCES,
    'pool': POOLS,
    'pooled': ('logit', 'probability'),
    'reduction': ('mean', 'sum'),
}


@MODELS.register_module()
class AudioVisualMatchingLoss(BaseModule):
    """Compare the audio vector of each frame with the visual map pooled under the predicted mask.

    The mask of one class comes from the logit; of several classes it is whether the largest is
    another than the background, which has no gradient. The published settings by subset: S4 (there,
    but switched off) 'cosine' with `pooled='probability'` and `threshold`; MS3 'kl' with
    `reduction='sum'`; AVSS 'kl' with `annotated_only`.

    Args:
        distance: 'kl': Kullback-Leibler divergence of the softmax over channels of the pooled map
            from that of the audio; 'euclidean'; 'cosine': -ln(max(0, cosine) + 1e-6).
        pool: How masks are brought to the size of a map: 'avg' or 'max'.
        pooled: What is pooled, the 'logit' or its 'probability'. With several classes there is
            only one answer.
        threshold: Binarise the pooled probability at 0.5 and average the map under it; otherwise
            the map is weighted with the probability and averaged over all positions.
        normalize: Bring both vectors to length 1 first.
        nearest_audio: Compare with the pooled map of the frame of the batch whose audio is nearest
            instead of with the audio itself.
        reduction: Over frames: 'mean' or 'sum', which grows with the batch.
        background: Of several classes, the one whose pixels the mask leaves out.
        annotated_only: Count the annotated frames only; otherwise all of them.
        loss_weight: Factor of the result, which is the mean over the maps.

    Raises:
        ConfigError: An unknown distance, pool, pooled or reduction.
    """

    def __init__(
        self,
        distance: str = 'kl',
        *,
        pool: str = 'avg',
        pooled: str = 'logit',
        threshold: bool = False,
        normalize: bool = False,
        nearest_audio: bool = False,
        reduction: str = 'mean',
        annotated_only: bool = False,
        background: int = 0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        given = {'distance': distance, 'pool': pool, 'pooled': pooled, 'reduction': reduction}
        for name, value in given.items():
            check_choice(f'AudioVisualMatchingLoss: {name}', value, OPTIONS[name])
        self.distance = DISTANCES[distance]
        self.pool = POOLS[pool]
        self.pooled = pooled
        self.threshold = threshold
        self.normalize = normalize
        self.nearest_audio = nearest_audio
        self.reduction = reduction
        self.annotated_only = annotated_only
        self.background = background
        self.loss_weight = loss_weight

    def forward(
        self,
        matched_pairs: list[tuple[Tensor, Tensor]],
        logits: Tensor,
        annotated: Tensor | None = None,
        counted: Tensor | None = None,
    ) -> Tensor:
        """Compare maps and audio.

        Args:
            matched_pairs: Pairs of a map (N, C, h_l, w_l) and an audio vector (N, C).
            logits: (N, K, H, W), predicted.
            annotated: (N,) bool; read, and needed, with `annotated_only`.
            counted: (N, H, W) bool, False in padding, whose positions of the maps do not count;
                None counts all.

        Returns:
            A scalar; 0 where no frame counts.
        """
        counts = annotated.to(logits.dtype) if self.annotated_only else logits.new_ones(len(logits))
        total = sum(
            (self._distances(maps, audio, logits, counted) * counts).sum()
            for maps, audio in matched_pairs
        )
        if self.reduction == 'mean':
            total = total / counts.sum().clamp_min(1)
        return self.loss_weight * total / len(matched_pairs)

    def _distances(
        self, maps: Tensor, audio: Tensor, logits: Tensor, counted: Tensor | None
    ) -> Tensor:
        size = maps.shape[2:]
        mask = self._mask(logits, size)
        if self.threshold:
            mask = (mask > 0.5).to(maps.dtype)
        weight = torch.ones_like(mask)
        if counted is not None:
            weight = F.adaptive_avg_pool2d(counted[:, None].to(maps.dtype), size)
        total = mask * weight if self.threshold else weight
        visual = (maps * mask * weight).sum((2, 3)) / (total.sum((2, 3)) + EPS)  # (N, C)
        if self.normalize:
            visual, audio = F.normalize(visual), F.normalize(audio)
        target = visual[_nearest_other(audio)] if self.nearest_audio else audio
        return self.distance(visual, target)  # (N,)

    def _mask(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Probability of foreground (N, 1, h, w)."""
        if logits.shape[1] > 1:
            return self.pool(_foreground(logits, self.background), size)
        if self.pooled == 'logit':
            return self.pool(logits, size).sigmoid()
        return self.pool(logits.sigmoid(), size)


def _foreground(logits: Tensor, background: int) -> Tensor:
    """1 where another class than the background is the largest, (N, 1, H, W)."""
    return (logits.argmax(1, keepdim=True) != background).to(logits.dtype)


def _nearest_other(vectors: Tensor) -> Tensor:
    """Index of the nearest other vector of each (N, C)."""
    distances = torch.cdist(vectors, vectors)
    return (
        distances
        + SAME_FRAME * torch.eye(len(vectors), dtype=distances.dtype, device=distances.device)
    ).argmin(1)
