"""A pyramid of levels from the one map of a plain vision transformer."""

from mmengine.model import BaseModule
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from avsbench.models.needs import needs_of
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError

SCALES = (4, 2, 1, 0.5)


@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """ViTDet's simple feature pyramid (arXiv 2203.16527): strides 4, 8, 16, 32 from stride 16.

    Each level is made from the map of the last block alone, without paths between levels: two
    transposed convolutions, one, none, or a maximum of 2 x 2; then 1 x 1 and 3 x 3 convolutions.
    All normalisations are over the channels of each position. mmsegmentation's `Feature2Pyramid`
    keeps the transformer's width and needs batch statistics.

    Args:
        backbone: Config of a backbone with levels of one stride, a multiple of 4: one level, or
            four, each for a level of the pyramid, the first for the finest.
        embed_dims: Channels of each level.

    Raises:
        ConfigError: The backbone has other levels.
    """

    def __init__(self, backbone: dict, embed_dims: int = 256) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.needs = needs_of(self.backbone)
        self.in_channels = self.backbone.in_channels
        strides, widths = self.backbone.out_strides, self.backbone.out_channels
        if len(set(strides)) != 1 or len(strides) not in (1, len(SCALES)) or strides[0] % 4:
            raise ConfigError(
                f'SimpleFeaturePyramid: levels of stride {list(strides)}, expected one or '
                f'{len(SCALES)} of the same stride, a multiple of 4: set out_strides or '
                'out_indices of its backbone, and options=dict(patch_size=16) for patches of 14'
            )
        self.out_strides = tuple(int(strides[0] / scale) for scale in SCALES)
        self.out_channels = [embed_dims] * len(SCALES)
        if len(widths) == 1:
            widths = widths * len(SCALES)
        self.stages = nn.ModuleList(
            _stage(width, embed_dims, scale) for width, scale in zip(widths, SCALES, strict=True)
        )

    def forward(self, frames: Tensor, **needed: Tensor) -> list[Tensor]:
        """Compute the levels of frames (N, 3, H, W): (N, C, H_l, W_l) each, finest first.

        Args:
            frames: (N, 3, H, W).
            needed: What the backbone declares as its `needs`.
        """
        maps = self.backbone(frames, **needed)
        if len(maps) == 1:
            maps = maps * len(self.stages)
        return [stage(features) for stage, features in zip(self.stages, maps, strict=True)]


def _stage(in_channels: int, out_channels: int, scale: float) -> nn.Sequential:
    half, quarter = in_channels // 2, in_channels // 4
    layers: list[nn.Module] = []
    width = in_channels
    if scale >= 2:
        layers.append(nn.ConvTranspose2d(in_channels, half, 2, stride=2))
        width = half
    if scale == 4:
        layers += [LayerNorm2d(half), nn.GELU(), nn.ConvTranspose2d(half, quarter, 2, stride=2)]
        width = quarter
    if scale == 0.5:
        # of an odd side the last row or column counts, too
        layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
    return nn.Sequential(
        *layers,
        nn.Conv2d(width, out_channels, 1, bias=False),
        LayerNorm2d(out_channels),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        LayerNorm2d(out_channels),
    )
