"""VCT's loss that ties the prototypes to what sounds.

Paper: VCT, arXiv 2506.23623, CVPR 2025. Written from a description of it.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.losses.pixel import IGNORE, full_precision, without_autocast
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError, DataError, nearest
from avsbench.utils.transfer import send


@MODELS.register_module()
class PrototypeAudioLoss(BaseModule):
    """Each frame's audio is compared with all prototypes: is this class there or not.

    The targets are the category of the clip, where there are categories, otherwise the classes in
    the frame's label map, background included.

    Args:
        embed_dims: Width C.
        num_prototypes: P; one for each category or class.
        categories: Names of the categories in the order of the prototypes; None takes the classes
            of the label maps.
        init_temperature: Of the similarities, at the start; it is trained.
        loss_weight: Factor of the result.

    Raises:
        ConfigError: There is not one prototype for each category.
    """

    def __init__(
        self,
        embed_dims: int,
        num_prototypes: int,
        *,
        categories: list[str] | None = None,
        init_temperature: float = 0.07,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if categories is not None and len(categories) != num_prototypes:
            raise ConfigError(
                f'PrototypeAudioLoss: {len(categories)} categories for {num_prototypes} '
                'prototypes; set model.decode_head.query_generator.num_prototypes to their number'
            )
        self.categories = None if categories is None else list(categories)
        self.num_prototypes = num_prototypes
        self.loss_weight = loss_weight
        self.audio_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.prototype_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(init_temperature)))

    def forward(
        self,
        audio: Tensor,
        prototypes: Tensor,
        labels: Tensor,
        categories: list[str | None],
    ) -> Tensor:
        """Compare n annotated frames.

        Args:
            audio: (n, C).
            prototypes: (P, C).
            labels: (n, H, W) int64, label maps.
            categories: Of the n frames; None where it isn't known, which leaves the frame out.

        Returns:
            The mean over frames and prototypes, weighted; 0 without frames.
        """
        if self.categories is None:
            wanted = self.present(labels)
        else:
            known = [index for index, name in enumerate(categories) if name is not None]
            if len(known) < len(audio):
                audio = audio.index_select(0, send(known, audio.device, torch.long))
            wanted = np.zeros((len(known), self.num_prototypes), np.float32)
            for row, index in zip(wanted, known, strict=True):
                row[self._number(categories[index])] = 1
            wanted = send(wanted, audio.device)
        with without_autocast(audio):
            audio, prototypes = self.embed(full_precision(audio), full_precision(prototypes))
            logits = self.logit_scale.exp() * audio @ prototypes.T  # (n, P)
            if not len(logits):
                return 0.0 * (logits.sum() + prototypes.sum() + self.logit_scale)
            wanted = wanted.to(logits.dtype)
            return self.loss_weight * F.binary_cross_entropy_with_logits(logits, wanted)

    def embed(self, audio: Tensor, prototypes: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (n, C) and prototypes (P, C) as vectors of unit length, of the same shapes."""
        projected = self.audio_proj(audio), self.prototype_proj(prototypes)
        audio, prototypes = (F.normalize(part, dim=-1) for part in projected)
        return audio, prototypes

    def present(self, labels: Tensor) -> Tensor:
        """Which classes occur in label maps (n, H, W): (n, P) of 0 and 1, float."""
        occurs = torch.zeros(len(labels), IGNORE + 1, device=labels.device)
        return occurs.scatter_(1, labels.flatten(1), 1.0)[:, : self.num_prototypes]

    def _number(self, category: str) -> int:
        if category not in self.categories:
            raise DataError(
                f'PrototypeAudioLoss: a clip is of the category {category!r}, which is none of the '
                f'{len(self.categories)} that the network was made for'
                f'{nearest(category, self.categories)}; set '
                'model.decode_head.loss_prototype.categories'
            )
        return self.categories.index(category)

    def init_weights(self) -> None:
        """Published start: normal projections."""
        for layer in (self.audio_proj, self.prototype_proj):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
