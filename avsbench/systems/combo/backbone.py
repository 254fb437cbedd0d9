"""COMBO's Siam-Encoder: a second backbone on Maskiges, added to the first by channel weights.

Paper: Cooperation Does Matter (COMBO), arXiv 2312.06462, CVPR 2024; repository
github.com/yannqi/COMBO-AVS. The two backbones share no weights, only their initial ones.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.registry import MODELS
from avsbench.utils.errors import DataError


class ChannelWeight(nn.Module):
    """Weight of each channel between 0 and 1, from the mean of the map.

    Args:
        channels: Channels of the map.
        reduction: How many times narrower the hidden layer is.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, max(1, channels // reduction))
        self.fc2 = nn.Linear(max(1, channels // reduction), channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C, 1, 1)."""
        return self.fc2(self.fc1(maps.mean((2, 3))).relu()).sigmoid()[..., None, None]


@MODELS.register_module()
class SiameseBackbone(BaseModule):
    """Two backbones of one kind; the second one's levels are added to the first one's, weighted.

    Args:
        backbone: Config of both.
        reduction: Of the channel weights' hidden layers.
    """

    def __init__(self, backbone: dict, *, reduction: int = 16) -> None:
        super().__init__()
        self.image_backbone = MODELS.build(backbone)
        self.maskige_backbone = MODELS.build(backbone)
        self.in_channels = 2 * self.image_backbone.in_channels
        self.out_channels = self.image_backbone.out_channels
        self.out_strides = self.image_backbone.out_strides
        self.weights = nn.ModuleList(
            ChannelWeight(channels, reduction) for channels in self.out_channels
        )

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Compute the levels.

        Args:
            frames: (N, 6, H, W), the frame's three channels before its Maskige's.

        Returns:
            (N, C_l, H_l, W_l) each, finest first.

        Raises:
            DataError: There are not six channels.
        """
        if frames.shape[1] != 6:
            raise DataError(
                f'SiameseBackbone: frames have {frames.shape[1]} channels, expected 6: add '
                'LoadMaskiges after LoadClip in the pipeline, or use its inner backbone alone'
            )
        image, maskige = frames.split(3, 1)
        levels = zip(
            self.image_backbone(image), self.maskige_backbone(maskige), self.weights, strict=True
        )
        return [level + weight(other) * other for level, other, weight in levels]
