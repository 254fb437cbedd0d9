"""Set criterion of mask classification: match, classify, compare masks at sampled points.

Papers: Mask2Former, arXiv 2112.01527; PointRend, arXiv 1912.08193 (the points); COMBO, arXiv
2312.06462. Repositories:
github.com/facebookresearch/Mask2Former, github.com/yannqi/COMBO-AVS.
"""

import math

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.models.losses.matching import assign
from avsbench.models.losses.pixel import full_precision, without_autocast
from avsbench.registry import MODELS

Match = tuple[Tensor, Tensor]


@MODELS.register_module()
class MaskSetCriterion(BaseModule):
    """Losses of one prediction (class logits and masks of all queries) against a frame's masks.

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
        self, cls_logits: Tensor, mask_logits: Tensor, targets: list[tuple[Tensor, Tensor]]
    ) -> dict[str, Tensor]:
        """Compare one prediction with its targets.

        Args:
            cls_logits: (N, Q, K + 1).
            mask_logits: (N, Q, h, w).
            targets: Classes (G,) and masks (G, H, W) of 0 and 1 of each frame, as float; G may be
                0.

        Returns:
            `loss_ce`, `loss_mask` and `loss_dice`, weighted.
        """
        cls_logits, mask_logits = full_precision(cls_logits), full_precision(mask_logits)
        if not targets:  # the other processes may have some: the count is asked for all the same
            self._count(mask_logits)
            zero = 0.0 * (cls_logits.sum() + mask_logits.sum())
            return dict.fromkeys(('loss_ce', 'loss_mask', 'loss_dice'), zero)
        matches = [
            self.match(cls_logits[n], mask_logits[n], *target, n)
            for n, target in enumerate(targets)
        ]
        losses = {'loss_ce': self._classify(cls_logits, targets, matches)}
        return losses | self._compare(mask_logits, targets, matches)

    def points(self, purpose: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """Where masks are compared: uniform draws of the global generator.

        Args:
            purpose: 'match/<frame>', 'oversample' or 'random': what the points are for.
            shape: (sets, points, 2).
            device: Where to put them.

        Returns:
            Points in [0, 1), of the shape.
        """
        return torch.rand(shape, device=device)

    @torch.no_grad()
    def match(
        self,
        cls_logits: Tensor,
        mask_logits: Tensor,
        classes: Tensor,
        masks: Tensor,
        frame: int = 0,
    ) -> Match:
        """Queries and targets of one frame at the smallest cost.

        Args:
            cls_logits: (Q, K + 1).
            mask_logits: (Q, h, w).
            classes: (G,).
            masks: (G, H, W) of 0 and 1, float.
            frame: Number of the frame, which its points are drawn for.

        Returns:
            Indices of queries and of their targets, (G,) each.
        """
        if len(classes) == 0:
            empty = classes.new_zeros(0)
            return empty, empty
        with without_autocast(mask_logits):
            return assign(self._cost(cls_logits, mask_logits, classes, masks, frame))

    def _cost(
        self, cls_logits: Tensor, mask_logits: Tensor, classes: Tensor, masks: Tensor, frame: int
    ) -> Tensor:
        """Of each query for each target, (Q, G)."""
        cls_logits, mask_logits = full_precision(cls_logits), full_precision(mask_logits)
        points = self._grid(masks)
        if points is None:
            points = self.points(f'match/{frame}', (1, self.num_points, 2), masks.device)
        predicted = sample_points(mask_logits, points)  # (Q, P)
        wanted = sample_points(masks.to(predicted.dtype), points)  # (G, P)
        # softplus(-x) t + softplus(x) (1 - t), a mean over the points, for all pairs
        cross = F.softplus(-predicted) @ wanted.T + F.softplus(predicted) @ (1 - wanted).T
        probability = predicted.sigmoid()
        overlap = 2 * probability @ wanted.T + 1
        dice = 1 - overlap / (probability.sum(1)[:, None] + wanted.sum(1) + 1)
        return (
            self.weights['mask'] * cross / predicted.shape[1]
            - self.weights['ce'] * cls_logits.softmax(-1)[:, classes]
            + self.weights['dice'] * dice
        )

    def _classify(
        self, logits: Tensor, targets: list[tuple[Tensor, Tensor]], matches: list[Match]
    ) -> Tensor:
        wanted = logits.new_full(logits.shape[:2], self.num_classes, dtype=torch.long)
        for n, ((queries, indices), (classes, _)) in enumerate(zip(matches, targets, strict=True)):
            wanted[n, queries] = classes[indices]
        loss = F.cross_entropy(
            logits.transpose(1, 2), wanted, weight=self.query_weight.to(logits.dtype)
        )
        return self.weights['ce'] * loss

    def _compare(
        self,
        mask_logits: Tensor,
        targets: list[tuple[Tensor, Tensor]],
        matches: list[Match],
    ) -> dict[str, Tensor]:
        pairs = [
            (mask_logits[n, queries], masks[indices].to(mask_logits.dtype))
            for n, ((queries, indices), (_, masks)) in enumerate(zip(matches, targets, strict=True))
        ]
        predicted = torch.cat([pair[0] for pair in pairs])  # (M, h, w)
        wanted = torch.cat([pair[1] for pair in pairs])  # (M, H, W)
        count = self._count(predicted)
        if len(predicted) == 0:
            zero = 0.0 * mask_logits.sum()
            return {'loss_mask': zero, 'loss_dice': zero}
        points = self._grid(wanted)
        if points is None:
            points = self._loss_points(predicted)
        predicted = sample_points(predicted, points)  # (M, P)
        with torch.no_grad():
            wanted = sample_points(wanted, points)
        cross = F.binary_cross_entropy_with_logits(predicted, wanted, reduction='none').mean(1)
        probability = predicted.sigmoid()
        overlap = 2 * (probability * wanted).sum(1) + 1
        dice = 1 - overlap / (probability.sum(1) + wanted.sum(1) + 1)
        return {
            'loss_mask': self.weights['mask'] * cross.sum() / count,
            'loss_dice': self.weights['dice'] * dice.sum() / count,
        }

    def _count(self, predicted: Tensor) -> float:
        """Matched masks of all processes, for each of them; at least 1."""
        count = torch.as_tensor(float(len(predicted)), device=predicted.device)
        all_reduce(count)
        return max(1.0, float(count) / get_world_size())

    def _loss_points(self, logits: Tensor) -> Tensor:
        candidates = math.floor(self.num_points * self.oversample_ratio)
        important = math.floor(self.num_points * self.importance_ratio)
        masks, device = len(logits), logits.device
        points = self.points('oversample', (masks, candidates, 2), device)
        points = uncertain_points(logits, points, important)
        if important < self.num_points:
            rest = (masks, self.num_points - important, 2)
            points = torch.cat((points, self.points('random', rest, device)), 1)
        return points

    def _grid(self, masks: Tensor) -> Tensor | None:
        """Centres of all pixels, (1, H * W, 2), if masks are compared on the whole grid."""
        if self.num_points:
            return None
        height, width = masks.shape[1:]
        y = (torch.arange(height, device=masks.device) + 0.5) / height
        x = (torch.arange(width, device=masks.device) + 0.5) / width
        y, x = torch.meshgrid(y, x, indexing='ij')
        return torch.stack((x, y), -1).view(1, -1, 2)


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
