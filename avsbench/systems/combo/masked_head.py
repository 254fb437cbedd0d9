"""What the heads share whose queries attend to each memory inside their last masks.

The decoder is Mask2Former's (arXiv 2112.01527), as COMBO and VCT use it. Written from a description
of them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from avsbench.models.heads import AVSHeadOutput, FrameTargets, QueryAVSHead
from avsbench.systems.combo.criterion import mask_targets
from avsbench.utils.maps import resize


class Memory(NamedTuple):
    """What queries attend to in a layer.

    Attributes:
        tokens: (N, S, C).
        position: (S, C), joins the keys.
        shape: (h, w) of the map that the tokens are, to which the masks apply; None where every
            query attends to all tokens.
    """

    tokens: Tensor
    position: Tensor
    shape: tuple[int, int] | None


class MaskedQueryHead(QueryAVSHead):
    """Every query has a class and a mask; the layers take the memories in turn.

    The classes of the queries contain the background, so that K = 1 has two of them.
    """

    query_pos: nn.Embedding
    classifier: nn.Linear
    mask_mlp: nn.Module
    criterion: nn.Module

    def decode(
        self, queries: Tensor, mask_feature: Tensor, memories: list[Memory]
    ) -> tuple[Tensor, Tensor]:
        """Refine queries (N, Q, C) by memories, and predict from them over a map (N, C, h, w).

        Returns:
            Class logits (layers + 1, N, Q, K + 1) and masks (layers + 1, N, Q, h, w) before the
            first decoder layer and after each.
        """
        decoder = self.transformer_decoder
        predictions = [self.predict_masks(decoder.norm(queries), mask_feature)]
        for index, layer in enumerate(decoder.layers):
            tokens, position, shape = memories[index % len(memories)]
            _, masks = predictions[-1]
            queries = layer(
                queries,
                tokens,
                query_pos=self.query_pos.weight,
                memory_pos=position,
                memory_mask=None if shape is None else self.inside(masks, shape),
            )
            predictions.append(self.predict_masks(decoder.norm(queries), mask_feature))
        cls_logits, mask_logits = (torch.stack(part) for part in zip(*predictions, strict=True))
        return cls_logits, mask_logits

    def predict_masks(self, queries: Tensor, mask_feature: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, Q, K + 1) and masks (N, Q, h, w) of normalised queries (N, Q, C)."""
        masks = torch.einsum('nqc,nchw->nqhw', self.mask_mlp(queries), mask_feature)
        return self.classifier(queries), masks

    @staticmethod
    def inside(mask_logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Where each query attends to on a level of `size` (h, w): (N, 1, Q, h * w) bool.

        Inside its mask; everywhere if that is nowhere.
        """
        inside = resize(mask_logits.detach(), size).flatten(2) >= 0  # (N, Q, h * w)
        return (inside | ~inside.any(-1, keepdim=True))[:, None]

    def prediction_losses(
        self, output: AVSHeadOutput, targets: FrameTargets
    ) -> list[dict[str, Tensor]]:
        """The criterion's terms of each prediction, on annotated frames."""
        return self.criterion(
            targets.select(output.cls_logits, 1),
            targets.select(output.mask_logits, 1),
            mask_targets(targets.select(targets.masks)),
        )

    def binary_logits(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Score of the foreground less that of the background: its sigmoid is their softmax."""
        scores = self.score_maps(output, img_shape)
        return scores[:, 1:] - scores[:, :1]
