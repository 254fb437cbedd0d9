"""Set criterion of CATR: one query per clip and target, the same in all its frames.

Papers: MTTR, arXiv 2111.14821; CATR, arXiv 2309.09709. Repositories: github.com/mttr2021/MTTR,
github.com/aspirinone/CATR.github.io. Focal loss: arXiv 1708.02002.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from avsbench.models.losses.matching import Match, assign, mean_counts
from avsbench.models.losses.pixel import full_precision, without_autocast
from avsbench.registry import MODELS
from avsbench.utils.maps import resize
from avsbench.utils.transfer import send

TERMS = ('cls', 'dice', 'focal', 'bce')


class ClipTargets(NamedTuple):
    """What the annotated frames of a clip show.

    Attributes:
        classes: (G,).
        masks: (G, T, H, W) of 0 and 1, float; empty ones are allowed.
        counted: (T, H, W) bool, False in padded pixels, which no comparison of masks counts.
    """

    classes: Tensor
    masks: Tensor
    counted: Tensor


@MODELS.register_module()
class ClipSetCriterion(BaseModule):
    """Match queries with the targets of a clip over all its frames, classify, compare masks.

    Args:
        num_classes: K; index K means "none".
        cost_class, cost_dice: Factors of the matching cost.
        class_weight, dice_weight, focal_weight, bce_weight: Factors of the loss terms.
        no_object_weight: Weight of unmatched queries in the classification.
        double_sigmoid: Whether the cross entropy takes probabilities for logits, as the published
            code does: it can't fall below 0.693 outside an object, nor below 0.313 inside.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        cost_class: float = 2.0,
        cost_dice: float = 7.0,
        class_weight: float = 1.0,
        dice_weight: float = 5.0,
        focal_weight: float = 5.0,
        bce_weight: float = 4.0,
        no_object_weight: float = 0.1,
        double_sigmoid: bool = True,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.cost_class = cost_class
        self.cost_dice = cost_dice
        weights = (class_weight, dice_weight, focal_weight, bce_weight)
        self.weights = dict(zip(TERMS, weights, strict=True))
        self.double_sigmoid = double_sigmoid
        weight = torch.ones(num_classes + 1)
        weight[-1] = no_object_weight
        self.register_buffer('query_weight', weight, persistent=False)

    def forward(
        self, cls_logits: Tensor, mask_logits: Tensor, targets: list[ClipTargets]
    ) -> list[dict[str, Tensor]]:
        """Compare predictions with their targets.

        Args:
            cls_logits: (predictions, n, Q, K + 1), annotated frames only; n may be 0.
            mask_logits: (predictions, n, Q, h, w).
            targets: Those of each clip, whose annotated frames add up to n.

        Returns:
            Of each prediction `loss_cls`, `loss_dice`, `loss_focal` and `loss_bce`, weighted.
        """
        cls_logits, mask_logits = full_precision(cls_logits), full_precision(mask_logits)
        matches = self.match(cls_logits, mask_logits, targets)
        places = _places(matches, targets, cls_logits.shape[2])
        counts = mean_counts([cls_logits.shape[1], places.shape[2]], mask_logits)
        joined = ClipTargets(
            torch.cat([target.classes for target in targets]),
            torch.cat([target.masks.flatten(0, 1) for target in targets]),
            torch.cat([target.counted for target in targets]),
        )
        losses = []
        for classes, masks, rows in zip(
            cls_logits, mask_logits, send(places, mask_logits.device), strict=True
        ):
            terms = {'cls': self._classify(classes, joined.classes, rows) / counts[0]}
            terms |= self._compare(masks, joined, rows, counts[1])
            losses.append({f'loss_{name}': self.weights[name] * terms[name] for name in TERMS})
        return losses

    @torch.no_grad()
    def match(
        self, cls_logits: Tensor, mask_logits: Tensor, targets: list[ClipTargets]
    ) -> list[list[Match]]:
        """Queries and targets at the smallest cost, the mean over the frames of a clip.

        Args:
            cls_logits: (predictions, n, Q, K + 1).
            mask_logits: (predictions, n, Q, h, w).
            targets: Those of each clip.

        Returns:
            The match of each clip in each prediction; an empty one for a clip without frames.
        """
        lengths = [len(target.counted) for target in targets]
        counts = [
            len(target.classes) if length else 0
            for target, length in zip(targets, lengths, strict=True)
        ]
        most, costs = max(counts, default=0), []
        for classes, masks in zip(cls_logits, mask_logits, strict=True):
            clips = zip(classes.split(lengths), masks.split(lengths), targets, counts, strict=True)
            for logits, clip, target, count in clips:
                cost = logits.new_zeros(logits.shape[1], 0)
                if count:
                    with without_autocast(clip):
                        cost = self._costs(full_precision(logits), full_precision(clip), target)
                costs.append(F.pad(cost, (0, most - cost.shape[1])))
        found = assign(torch.stack(costs), counts * len(cls_logits))
        return [found[start : start + len(counts)] for start in range(0, len(found), len(counts))]

    def _costs(self, cls_logits: Tensor, mask_logits: Tensor, target: ClipTargets) -> Tensor:
        """Of each query for each target of a clip, (Q, G)."""
        masks = resize(mask_logits, target.masks.shape[-2:])  # (T, Q, H, W)
        probability = (masks.sigmoid() * target.counted[:, None]).flatten(2)  # (T, Q, H*W)
        wanted = target.masks.to(probability.dtype).flatten(2)  # (G, T, H*W)
        overlap = torch.einsum('tqp,gtp->tqg', probability, wanted)
        total = probability.sum(2)[..., None] + wanted.sum(2).T[:, None]  # (T, Q, G)
        dice = (2 * overlap + 1) / (total + 1)
        known = cls_logits.softmax(-1)[..., target.classes]  # (T, Q, G)
        return -self.cost_class * known.mean(0) - self.cost_dice * dice.mean(0)

    def _classify(self, logits: Tensor, classes: Tensor, rows: Tensor) -> Tensor:
        """Of logits (n, Q, K + 1) and classes of all targets; `rows` as `_places` gives them."""
        wanted = logits.new_full((logits.shape[:2].numel(),), self.num_classes, dtype=torch.long)
        wanted = wanted.index_copy(0, rows[0], classes.index_select(0, rows[2]))
        weight = self.query_weight.to(logits.dtype)
        return F.cross_entropy(logits.flatten(0, 1), wanted, weight, reduction='sum')

    def _compare(
        self, mask_logits: Tensor, targets: ClipTargets, rows: Tensor, count: float | Tensor
    ) -> dict[str, Tensor]:
        """Of masks (n, Q, h, w) and those of all targets; `rows` as `_places` gives them."""
        logits = mask_logits.flatten(0, 1).index_select(0, rows[0])  # (M, h, w)
        if len(logits) == 0:
            return dict.fromkeys(TERMS[1:], 0.0 * mask_logits.sum())
        wanted = targets.masks.index_select(0, rows[1])  # (M, H, W)
        logits = resize(logits[:, None], wanted.shape[1:])
        counted = targets.counted.index_select(0, rows[3])
        logits, wanted, weight = (
            part.to(logits.dtype).flatten(1) for part in (logits, wanted, counted)
        )  # (M, H*W)
        probability = logits.sigmoid()
        inside = probability * weight
        overlap = 2 * (inside * wanted).sum(1) + 1
        dice = 1 - overlap / (inside.sum(1) + wanted.sum(1) + 1)
        pixels = weight.sum(1).clamp_min(1)
        focal = (sigmoid_focal_loss(logits, wanted) * weight).sum(1) / pixels
        scores = probability if self.double_sigmoid else logits
        bce = F.binary_cross_entropy_with_logits(scores, wanted, weight, reduction='sum')
        return {
            'dice': dice.sum() / count,
            'focal': focal.sum() / count,
            'bce': bce / weight.sum().clamp_min(1),
        }


def _places(matches: list[list[Match]], targets: list[ClipTargets], num_queries: int) -> np.ndarray:
    """Where the M matched masks of all frames are, and what belongs to them.

    Returns:
        (predictions, 4, M): index of frame and query among those of all clips; of target and
        frame; of the target; of the frame.
    """
    places = []
    for clips in matches:
        parts = []
        start = first_target = first_mask = 0
        for (queries, indices), target in zip(clips, targets, strict=True):
            length = len(target.counted)
            frames = np.arange(length)
            parts.append(
                np.stack(
                    np.broadcast_arrays(
                        (start + frames) * num_queries + queries[:, None],
                        first_mask + indices[:, None] * length + frames,
                        first_target + indices[:, None],
                        start + frames,
                    )
                ).reshape(4, -1)
            )
            start += length
            first_target += len(target.classes)
            first_mask += len(target.classes) * length
        places.append(np.concatenate(parts, 1))
    return np.stack(places)
