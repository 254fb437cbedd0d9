"""Pixel decoder of AVSBench: a pyramid of RefineNet fusion blocks (arXiv 1611.06612).

Paper: Audio-Visual Segmentation, arXiv 2207.05042; repository github.com/OpenNLPLab/AVSBench
(Apache-2.0).
"""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import mask_padding
from avsbench.registry import MODELS


@MODELS.register_module()
class RefineFPN(BaseModule):
    """Fuse levels from the coarsest to the finest; the result is twice as large as the finest.

    Args:
        embed_dims: Width C of all levels and of the result.
        num_levels: Number of levels.
        align_corners: Of the enlargements between the levels.
    """

    def __init__(self, embed_dims: int, *, num_levels: int = 4, align_corners: bool = True) -> None:
        super().__init__()
        coarsest = num_levels - 1
        self.blocks = nn.ModuleList(
            FeatureFusion(embed_dims, with_skip=level != coarsest, align_corners=align_corners)
            for level in range(num_levels)
        )

    def forward(self, levels: list[Tensor], frame_valid: Tensor | None = None) -> Tensor:
        """Decode.

        Args:
            levels: (N, C, h_l, w_l) each, finest first.
            frame_valid: (N,) bool, False for padded frames, which are zeroed after every block;
                None where there are none.

        Returns:
            (N, C, 2 h_0, 2 w_0).
        """
        height, width = levels[0].shape[2:]
        sizes = [(2 * height, 2 * width), *(tuple(level.shape[2:]) for level in levels[:-1])]
        path = levels[-1]
        for level in reversed(range(len(levels))):
            block = self.blocks[level]
            skip = None if block.skip_unit is None else levels[level]
            path = mask_padding(block(path, skip, sizes[level]), frame_valid)
        return path


class ResidualConvUnit(nn.Module):
    """r + conv(ReLU(conv(r))) with r = ReLU(x): the sum carries the rectified map, not x.

    Args:
        channels: Channels of input and result.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Map (N, C, h, w) to the same shape."""
        rectified = self.act(maps)
        return rectified + self.conv2(self.act(self.conv1(rectified)))


class FeatureFusion(nn.Module):
    """Add a finer map to a coarser path, refine the sum and enlarge it bilinearly.

    Args:
        channels: Channels of both inputs and of the result.
        with_skip: Whether a finer map joins; the coarsest block of a pyramid has none.
        align_corners: Of the interpolation.
    """

    def __init__(
        self, channels: int, *, with_skip: bool = True, align_corners: bool = True
    ) -> None:
        super().__init__()
        self.skip_unit = ResidualConvUnit(channels) if with_skip else None
        self.unit = ResidualConvUnit(channels)
        self.align_corners = align_corners

    def forward(self, path: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Fuse.

        Args:
            path: (N, C, h, w), the coarser path at the size of `skip`.
            skip: (N, C, h, w), or None for a block without one.
            size: (H, W) of the result.

        Returns:
            (N, C, H, W).
        """
        if self.skip_unit is not None:
            path = path + self.skip_unit(skip)
        return F.interpolate(
            self.unit(path), size, mode='bilinear', align_corners=self.align_corners
        )
