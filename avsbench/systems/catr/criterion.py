"""Set criterion of CATR: one query per clip and target, the same in all its frames.

Papers: MTTR, arXiv 2111.14821; CATR, arXiv 2309.09709. Repositories: github.com/mttr2021/MTTR,
github.com/aspirinone/CATR.github.io. Focal loss: arXiv 1708.02002.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from avsbench.models.losses.matching import assign
from avsbench.models.losses.pixel import full_precision, without_autocast
from avsbench.registry import MODELS
from avsbench.utils.maps import resize

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
        self, cls_logits: list[Tensor], mask_logits: list[Tensor], targets: list[ClipTargets]
    ) -> dict[str, Tensor]:
        """Compare one prediction with its targets, clip by clip.

        Args:
            cls_logits: (T, Q, K + 1) each, annotated frames only; T may be 0.
            mask_logits: (T, Q, h, w) each.
            targets: Those of each clip.

        Returns:
            `loss_cls`, `loss_dice`, `loss_focal` and `loss_bce`, weighted.
        """
        classes, rows, wanted, weights = [], [], [], []
        for logits, masks, target in zip(cls_logits, mask_logits, targets, strict=True):
            logits, masks = full_precision(logits), full_precision(masks)
            resized = resize(masks, target.masks.shape[-2:])  # (T, Q, H, W)
            queries, indices = self.match(logits, resized, target)
            classes.append(self._classify(logits, queries, target.classes[indices]))
            rows.append(resized[:, queries].transpose(0, 1).flatten(0, 1))  # (G * T, H, W)
            wanted.append(target.masks[indices].flatten(0, 1))
            weights.append(target.counted.repeat(len(indices), 1, 1))
        frames = _count(sum(len(logits) for logits in cls_logits), cls_logits[0])
        losses = {'cls': sum(classes) / frames}
        losses |= self._compare(torch.cat(rows), torch.cat(wanted), torch.cat(weights))
        return {f'loss_{name}': self.weights[name] * value for name, value in losses.items()}

    @torch.no_grad()
    def match(
        self, cls_logits: Tensor, mask_logits: Tensor, target: ClipTargets
    ) -> tuple[Tensor, Tensor]:
        """Queries and targets of a clip at the smallest cost, the mean over its frames.

        Args:
            cls_logits: (T, Q, K + 1).
            mask_logits: (T, Q, H, W), at the size of the targets.
            target: The targets.

        Returns:
            Indices of queries and of their targets, (G,) each; none without frames.
        """
        if len(cls_logits) == 0 or len(target.classes) == 0:
            empty = target.classes.new_zeros(0)
            return empty, empty
        with without_autocast(mask_logits):
            return assign(
                self._cost(full_precision(cls_logits), full_precision(mask_logits), target)
            )

    def _cost(self, cls_logits: Tensor, mask_logits: Tensor, target: ClipTargets) -> Tensor:
        """Of each query for each target, (Q, G)."""
        probability = (mask_logits.sigmoid() * target.counted[:, None]).flatten(2)  # (T, Q, H*W)
        wanted = target.masks.to(probability.dtype).flatten(2)  # (G, T, H*W)
        overlap = torch.einsum('tqp,gtp->tqg', probability, wanted)
        total = probability.sum(2)[..., None] + wanted.sum(2).T[:, None]  # (T, Q, G)
        dice = (2 * overlap + 1) / (total + 1)
        known = cls_logits.softmax(-1)[..., target.classes]  # (T, Q, G)
        return -self.cost_class * known.mean(0) - self.cost_dice * dice.mean(0)

    def _classify(self, logits: Tensor, queries: Tensor, classes: Tensor) -> Tensor:
        wanted = torch.full_like(logits[..., 0], self.num_classes, dtype=torch.long)  # (T, Q)
        wanted[:, queries] = classes
        weight = self.query_weight.to(logits.dtype)
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), weight, reduction='sum')

    def _compare(self, logits: Tensor, wanted: Tensor, counted: Tensor) -> dict[str, Tensor]:
        count = _count(len(logits), logits)
        if len(logits) == 0:
            return dict.fromkeys(TERMS[1:], 0.0 * logits.sum())
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


def _count(number: int, like: Tensor) -> float:
    """Mean of a number over all processes, at least 1."""
    count = torch.tensor(float(number), device=like.device)
    all_reduce(count)
    return max(1.0, float(count) / get_world_size())
