"""Levels of a backbone, each normalised by a layer of its own.

Swin Transformers as feature extractors have these layers (arXiv 2103.14030, the detection version);
timm's networks hand their levels on as they are.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.needs import needs_of
from avsbench.registry import MODELS


@MODELS.register_module()
class NormedLevels(BaseModule):
    """A backbone with a layer normalisation over the channels of each level.

    Args:
        backbone: Config.
    """

    def __init__(self, backbone: dict) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.needs = needs_of(self.backbone)
        self.in_channels = self.backbone.in_channels
        self.out_channels = self.backbone.out_channels
        self.out_strides = self.backbone.out_strides
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.out_channels)

    def forward(self, frames: Tensor, **needed: Tensor) -> list[Tensor]:
        """Compute the levels of frames (N, 3, H, W): (N, C_l, H_l, W_l) each, finest first.

        Args:
            frames: (N, 3, H, W).
            needed: What the backbone declares as its `needs`.
        """
        return [
            norm(level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            for norm, level in zip(self.norms, self.backbone(frames, **needed), strict=True)
        ]
