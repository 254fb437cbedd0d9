"""Pixel losses of the AVS systems; each returns one scalar times its weight.

Pixels whose target is `IGNORE` count in none of them, neither in sums nor in means.
"""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from avsbench.registry import MODELS

IGNORE = 255
"""Target of padded pixels and of others that no class has."""


def foreground(targets: Tensor) -> Tensor:
    """Targets of any classes as those of one foreground: 0, 1, and `IGNORE` where they have it."""
    return torch.where(targets == IGNORE, IGNORE, (targets != 0).to(targets.dtype))


def _foreground_and_weight(targets: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """1 in the foreground, and 1 where a pixel counts; otherwise 0, of the type of `like`."""
    counted = targets != IGNORE
    return ((targets != 0) & counted).to(like.dtype), counted.to(like.dtype)


def full_precision(values: Tensor) -> Tensor:
    """Values in float32, or float64 if they are: half types are too coarse for sums over pixels."""
    return values if values.dtype == torch.float64 else values.float()


def without_autocast(like: Tensor) -> torch.autocast:
    """A context where products of matrices stay in full precision, on the device of a tensor.

    Costs of a matching are sums over pixels, which exceed the range of float16.
    """
    return torch.autocast(like.device.type, enabled=False)


@MODELS.register_module()
class DiceLoss(BaseModule):
    """Dice loss with squared denominators on logits, frame by frame.

    1 - 2 sum(p g) / (sum(p^2) + eps + sum(g^2) + eps), p the sigmoid of the logit, averaged over
    the frames. A frame with an empty target costs exactly 1, without gradient.

    Args:
        loss_weight: Factor of the result.
        eps: Added to each sum of squares.
    """

    def __init__(self, loss_weight: float = 1.0, eps: float = 1e-3) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.eps = eps

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (N, 1, H, W) with targets (N, H, W) of 0, non-zero and `IGNORE`."""
        probs = full_precision(logits).flatten(1).sigmoid()  # (N, H * W)
        targets, weight = _foreground_and_weight(targets.flatten(1), probs)
        probs = probs * weight
        overlap = (probs * targets).sum(1)
        energy = (probs * probs).sum(1) + self.eps + targets.sum(1) + self.eps
        return self.loss_weight * (1 - 2 * overlap / energy).mean()


@MODELS.register_module()
class BinaryCrossEntropyLoss(BaseModule):
    """Mean binary cross entropy on logits; 0 where no pixel counts.

    Args:
        loss_weight: Factor of the result.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (N, 1, H, W) with targets (N, H, W) of 0, non-zero and `IGNORE`."""
        logits = full_precision(logits)
        targets, weight = _foreground_and_weight(targets[:, None], logits)
        total = F.binary_cross_entropy_with_logits(logits, targets, weight, reduction='sum')
        return self.loss_weight * total / weight.sum().clamp_min(1)


@MODELS.register_module()
class CrossEntropyLoss(BaseModule):
    """Mean cross entropy over pixels; 0 where no pixel counts.

    Args:
        loss_weight: Factor of the result.
        class_weight: Factor of each class; None weighs all alike.
    """

    def __init__(self, loss_weight: float = 1.0, class_weight: list[float] | None = None) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        weight = None if class_weight is None else torch.tensor(class_weight)
        self.register_buffer('class_weight', weight, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (N, K, H, W) with class indices (N, H, W), or `IGNORE`."""
        total = F.cross_entropy(
            logits, targets, weight=self.class_weight, reduction='sum', ignore_index=IGNORE
        )
        counted = targets != IGNORE
        if self.class_weight is None:
            return self.loss_weight * total / counted.sum().clamp_min(1)
        weights = self.class_weight[torch.where(counted, targets, 0)] * counted
        return self.loss_weight * total / weights.sum().clamp_min(1e-12)


@MODELS.register_module()
class SigmoidFocalLoss(BaseModule):
    """Focal loss on logits of one class (arXiv 1708.02002), averaged over the pixels.

    Args:
        loss_weight: Factor of the result.
        alpha: Weight of the foreground, 1 - alpha that of the background.
        gamma: Exponent of the probability of the wrong class.
    """

    def __init__(self, loss_weight: float = 1.0, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (N, 1, H, W) with targets (N, H, W) of 0, non-zero and `IGNORE`."""
        logits = full_precision(logits)
        targets, weight = _foreground_and_weight(targets[:, None], logits)
        focal = sigmoid_focal_loss(logits, targets, self.alpha, self.gamma)
        return self.loss_weight * (focal * weight).sum() / weight.sum().clamp_min(1)


@MODELS.register_module()
class ClipDiceLoss(BaseModule):
    """Dice loss with plain sums on logits, over all frames given as one.

    1 - (2 sum(p g) + 1) / (sum(p) + sum(g) + 1), p the sigmoid of the logit.

    Args:
        loss_weight: Factor of the result.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (T, 1, H, W) with targets (T, H, W) of 0, non-zero and `IGNORE`."""
        probs = full_precision(logits).sigmoid().flatten()
        targets, weight = _foreground_and_weight(targets.flatten(), probs)
        probs = probs * weight
        overlap = 2 * (probs * targets).sum() + 1
        return self.loss_weight * (1 - overlap / (probs.sum() + targets.sum() + 1))


@MODELS.register_module()
class FocalCrossEntropyLoss(BaseModule):
    """Cross entropy l of each pixel times (1 - exp(-l))^gamma, averaged over the pixels.

    Args:
        loss_weight: Factor of the result.
        gamma: Exponent of the probability of all wrong classes.
        ignore_index: Target of the pixels that do not count.
    """

    def __init__(
        self, loss_weight: float = 1.0, gamma: float = 2.0, ignore_index: int = 255
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.gamma = gamma
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compare logits (N, K, H, W) with class indices (N, H, W); 0 where no pixel counts."""
        entropy = F.cross_entropy(logits, targets, reduction='none', ignore_index=self.ignore_index)
        focal = (1 - (-entropy).exp()) ** self.gamma * entropy  # 0 in ignored pixels
        counted = (targets != self.ignore_index).sum().clamp_min(1)
        return self.loss_weight * focal.sum() / counted
