"""COMBO's Siam-Encoder: a second backbone on Maskiges, added to the first by channel weights.

Paper: Cooperation Does Matter (COMBO), arXiv 2312.06462, CVPR 2024; repository
github.com/yannqi/COMBO-AVS. The two backbones share no weights, only their initial ones.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.needs import chosen_needs, needs_of
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError, DataError


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
    """Two backbones; the second one's levels are added to the first one's, weighted.

    Args:
        backbone: Config of both.
        maskige_backbone: Config of the second one, where it is of another kind; levels of another
            width are brought to that of the first one's by 1 x 1 convolutions. None for `backbone`.
        reduction: Of the channel weights' hidden layers.

    Raises:
        ConfigError: The levels of the two have different strides.
    """

    def __init__(
        self, backbone: dict, *, maskige_backbone: dict | None = None, reduction: int = 16
    ) -> None:
        super().__init__()
        self.image_backbone = MODELS.build(backbone)
        self.maskige_backbone = MODELS.build(maskige_backbone or backbone)
        strides = [tuple(part.out_strides) for part in self._backbones]
        if strides[0] != strides[1]:
            raise ConfigError(
                f'SiameseBackbone: levels of strides {strides[0]} and {strides[1]}, which can not '
                'be added; set out_strides of both to the same'
            )
        self.needs = needs_of(self.image_backbone) | needs_of(self.maskige_backbone)
        self.in_channels = 2 * self.image_backbone.in_channels
        self.out_channels = self.image_backbone.out_channels
        self.out_strides = self.image_backbone.out_strides
        self.weights = nn.ModuleList(
            ChannelWeight(channels, reduction) for channels in self.out_channels
        )
        widths = zip(self.maskige_backbone.out_channels, self.out_channels, strict=True)
        self.projections = nn.ModuleList(
            nn.Identity() if given == wanted else nn.Conv2d(given, wanted, 1)
            for given, wanted in widths
        )

    def forward(self, frames: Tensor, **needed: Tensor) -> list[Tensor]:
        """Compute the levels.

        Args:
            frames: (N, 6, H, W), the frame's three channels before its Maskige's.
            needed: What the backbones declare as their `needs`; each gets its part.

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
        levels, others = (
            backbone(images, **chosen_needs(backbone, needed))
            for backbone, images in zip(self._backbones, frames.split(3, 1), strict=True)
        )
        others = [project(level) for project, level in zip(self.projections, others, strict=True)]
        parts = zip(levels, others, self.weights, strict=True)
        return [level + weight(other) * other for level, other, weight in parts]

    @property
    def _backbones(self) -> tuple[nn.Module, nn.Module]:
        return self.image_backbone, self.maskige_backbone
