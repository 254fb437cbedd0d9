"""Set criterion of mask classification: match, classify, compare masks at sampled points.

Papers: Mask2Former, arXiv 2112.01527; PointRend, arXiv 1912.08193 (the points); COMBO, arXiv
2312.06462. Repositories:
github.com/facebookresearch/Mask2Former, github.com/yannqi/COMBO-AVS.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.models.heads import present_classes
from avsbench.models.losses.matching import Match, assign, mean_counts
from avsbench.models.losses.pixel import full_precision, without_autocast
from avsbench.registry import MODELS
from avsbench.utils.transfer import send

TERMS = ('loss_ce', 'loss_mask', 'loss_dice')


class MaskTargets(NamedTuple):
    """What n frames show, in the shape of the frame that shows most.

    Attributes:
        classes: (n, G) int64, ascending; 0 where a frame has fewer.
        masks: (n, G, H, W) of 0 and 1, float; 0 where a frame has fewer.
        counts: How many each frame has.
    """

    classes: Tensor
    masks: Tensor
    counts: list[int]


def mask_targets(labels: Tensor) -> MaskTargets:
    """Classes and masks in label maps (n, H, W) of class indices or `IGNORE`."""
    present = present_classes(labels, [1] * len(labels))
    most = max(map(len, present), default=0)
    rows = [[*classes, *[-1] * (most - len(classes))] for classes in present]
    classes = send(rows, labels.device, torch.long).view(len(labels), most)
    masks = (labels[:, None] == classes[..., None, None]).float()
    return MaskTargets(classes.clamp_min(0), masks, [len(row) for row in present])


@MODELS.register_module()
class MaskSetCriterion(BaseModule):
    """Losses of each prediction (class logits and masks of all queries) against a frame's masks.

    What the host computes, the matching, takes one transfer for all frames of all predictions.

    Args:
        num_classes: K, background included; index K means "no object".
        class_weight, mask_weight, dice_weight: Factors of the three terms, of the matching cost
            and of the losses alike.
        no_object_weight: Weight of unmatched queries in the classification.
        num_points: Points P at which masks are compared; 0 compares on the whole target grid.
        oversample_ratio: Candidates per point, from which the most uncertain are kept.
        importance_ratio: Share of the points that are such.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        class_weight: float = 2.0,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        no_object_weight: float = 0.1,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_ratio: float = 0.75,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.weights = {'ce': class_weight, 'mask': mask_weight, 'dice': dice_weight}
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_ratio = importance_ratio
        weight = torch.ones(num_classes + 1)
        weight[-1] = no_object_weight
        self.register_buffer('query_weight', weight, persistent=False)

    def forward(
        self, cls_logits: Tensor, mask_logits: Tensor, targets: MaskTargets
    ) -> list[dict[str, Tensor]]:
        """Compare predictions with their targets.

        Args:
            cls_logits: (predictions, n, Q, K + 1).
            mask_logits: (predictions, n, Q, h, w).
            targets: Those of the n frames; n may be 0.

        Returns:
            Of each prediction `loss_ce`, `loss_mask` and `loss_dice`, weighted.
        """
        cls_logits, mask_logits = full_precision(cls_logits), full_precision(mask_logits)
        num_queries = cls_logits.shape[2]
        matched = sum(min(count, num_queries) for count in targets.counts)
        # Asked for without targets, too: other processes may have some.
        (count,) = mean_counts([matched], mask_logits)
        predictions = list(zip(cls_logits, mask_logits, strict=True))
        if not targets.counts:
            return [dict.fromkeys(TERMS, 0.0 * (c.sum() + m.sum())) for c, m in predictions]
        matches = self.match(cls_logits, mask_logits, targets)
        rows = send(_rows(matches, num_queries, targets.classes.shape[1]), mask_logits.device)
        losses = []
        for index, (classes, masks) in enumerate(predictions):
            queries, wanted = rows[index]
            terms = {'loss_ce': self._classify(classes, targets, queries, wanted)}
            losses.append(terms | self._compare(masks, targets, rows[index], count, index))
        return losses

    def points(
        self, purpose: str, prediction: int, shape: tuple[int, ...], device: torch.device
    ) -> Tensor:
        """Where masks are compared: uniform draws of the global generator.

        Args:
            purpose: 'match', 'oversample' or 'random': what the points are for.
            prediction: Which one is compared.
            shape: (sets, points, 2); for 'match' a set of each frame.
            device: Where to put them.

        Returns:
            Points in [0, 1), of the shape.
        """
        return torch.rand(shape, device=device)

    @torch.no_grad()
    def match(
        self, cls_logits: Tensor, mask_logits: Tensor, targets: MaskTargets
    ) -> list[list[Match]]:
        """Queries and targets at the smallest cost, of each prediction for each frame.

        Args:
            cls_logits: (predictions, n, Q, K + 1).
            mask_logits: (predictions, n, Q, h, w).
            targets: Those of the n frames.
        """
        frames = len(targets.counts)
        if max(targets.counts) == 0:
            nothing = (np.zeros(0, int), np.zeros(0, int))
            return [[nothing] * frames for _ in cls_logits]
        with without_autocast(mask_logits):
            costs = [
                self._costs(*logits, targets, index)
                for index, logits in enumerate(zip(cls_logits, mask_logits, strict=True))
            ]
        found = assign(torch.cat(costs), targets.counts * len(costs))
        return [found[start : start + frames] for start in range(0, len(found), frames)]

    def _costs(
        self, cls_logits: Tensor, mask_logits: Tensor, targets: MaskTargets, prediction: int
    ) -> Tensor:
        """Of each query for each target of its frame, (n, Q, G)."""
        cls_logits, mask_logits = full_precision(cls_logits), full_precision(mask_logits)
        points = self._grid(targets.masks)
        if points is None:
            shape = (len(mask_logits), self.num_points, 2)
            points = self.points('match', prediction, shape, mask_logits.device)
        points = points.expand(len(mask_logits), -1, -1)
        predicted = _sample(mask_logits, points)  # (n, Q, P)
        wanted = _sample(targets.masks.to(predicted.dtype), points)  # (n, G, P)
        # softplus(-x) t + softplus(x) (1 - t), a mean over the points, for all pairs
        cross = F.softplus(-predicted) @ wanted.mT + F.softplus(predicted) @ (1 - wanted).mT
        probability = predicted.sigmoid()
        overlap = 2 * probability @ wanted.mT + 1
        dice = 1 - overlap / (probability.sum(2)[..., None] + wanted.sum(2)[:, None] + 1)
        classes = targets.classes[:, None].expand(-1, cls_logits.shape[1], -1)
        return (
            self.weights['mask'] * cross / predicted.shape[2]
            - self.weights['ce'] * cls_logits.softmax(-1).gather(2, classes)
            + self.weights['dice'] * dice
        )

    def _classify(
        self, logits: Tensor, targets: MaskTargets, queries: Tensor, indices: Tensor
    ) -> Tensor:
        """Of logits (n, Q, K + 1); queries and targets of all frames are counted on, (M,) each."""
        wanted = logits.new_full((logits.shape[:2].numel(),), self.num_classes, dtype=torch.long)
        wanted = wanted.index_copy(0, queries, targets.classes.flatten().index_select(0, indices))
        loss = F.cross_entropy(
            logits.transpose(1, 2),
            wanted.view(logits.shape[:2]),
            weight=self.query_weight.to(logits.dtype),
        )
        return self.weights['ce'] * loss

    def _compare(
        self,
        mask_logits: Tensor,
        targets: MaskTargets,
        rows: Tensor,
        count: float | Tensor,
        prediction: int,
    ) -> dict[str, Tensor]:
        """Of masks (n, Q, h, w); `rows` (2, M) as in `_classify`."""
        if rows.shape[1] == 0:
            zero = 0.0 * mask_logits.sum()
            return {'loss_mask': zero, 'loss_dice': zero}
        predicted = mask_logits.flatten(0, 1).index_select(0, rows[0])  # (M, h, w)
        wanted = targets.masks.flatten(0, 1).index_select(0, rows[1])  # (M, H, W)
        points = self._grid(wanted)
        if points is None:
            points = self._loss_points(predicted, prediction)
        predicted = sample_points(predicted, points)  # (M, P)
        with torch.no_grad():
            wanted = sample_points(wanted.to(predicted.dtype), points)
        cross = F.binary_cross_entropy_with_logits(predicted, wanted, reduction='none').mean(1)
        probability = predicted.sigmoid()
        overlap = 2 * (probability * wanted).sum(1) + 1
        dice = 1 - overlap / (probability.sum(1) + wanted.sum(1) + 1)
        return {
            'loss_mask': self.weights['mask'] * cross.sum() / count,
            'loss_dice': self.weights['dice'] * dice.sum() / count,
        }

    def _loss_points(self, logits: Tensor, prediction: int) -> Tensor:
        candidates = math.floor(self.num_points * self.oversample_ratio)
        important = math.floor(self.num_points * self.importance_ratio)
        masks, device = len(logits), logits.device
        points = self.points('oversample', prediction, (masks, candidates, 2), device)
        points = uncertain_points(logits, points, important)
        if important < self.num_points:
            rest = (masks, self.num_points - important, 2)
            points = torch.cat((points, self.points('random', prediction, rest, device)), 1)
        return points

    def _grid(self, masks: Tensor) -> Tensor | None:
        """Centres of all pixels, (1, H * W, 2), if masks are compared on the whole grid."""
        if self.num_points:
            return None
        height, width = masks.shape[-2:]
        y = (torch.arange(height, device=masks.device) + 0.5) / height
        x = (torch.arange(width, device=masks.device) + 0.5) / width
        y, x = torch.meshgrid(y, x, indexing='ij')
        return torch.stack((x, y), -1).view(1, -1, 2)


def _rows(matches: list[list[Match]], num_queries: int, num_targets: int) -> np.ndarray:
    """Queries and targets of all frames, counted on from frame to frame: (predictions, 2, M)."""
    sizes = np.array([num_queries, num_targets])
    return np.stack(
        [
            np.concatenate(
                [np.stack(pair) + frame * sizes[:, None] for frame, pair in enumerate(frames)], 1
            )
            for frames in matches
        ]
    )


def sample_points(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps bilinearly, zero outside.

    Args:
        maps: (M, H, W).
        points: (M, P, 2) or (1, P, 2), x before y, in [0, 1] of the map.

    Returns:
        (M, P).
    """
    if len(points) == 1 and len(maps) > 1:  # one set for all: the maps are channels of one image
        return _sample(maps[None], points)[0]
    return _sample(maps[:, None], points)[:, 0]


def _sample(images: Tensor, points: Tensor) -> Tensor:
    grid = (2 * points - 1)[:, :, None]  # (M, P, 1, 2)
    sampled = F.grid_sample(images, grid.to(images.dtype), mode='bilinear', align_corners=False)
    return sampled[..., 0]


def uncertain_points(logits: Tensor, candidates: Tensor, count: int) -> Tensor:
    """The candidates where the logits are nearest to zero.

    Args:
        logits: (M, H, W).
        candidates: (M, P, 2).
        count: How many to keep.

    Returns:
        (M, count, 2), without gradient.
    """
    with torch.no_grad():
        uncertainty = -sample_points(logits, candidates).abs()
        index = uncertainty.topk(count, 1).indices[..., None].expand(-1, -1, 2)
        return candidates.gather(1, index)
